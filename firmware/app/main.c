/*
 * The application: obeys the console (docs/PROTOCOL.md), listens to the microphone when told, and
 * at once on boards that have one.
 */
#include "ws_app.h"
#include "ws_board.h"
#include "ws_capture.h"
#include "ws_cortexm.h"
#include "ws_protocol.h"
#include "ws_runtime.h"
#include "ws_tell.h"
#include "ws_text.h"

#define BYTES_AT_ONCE 64u
#define CYCLES_PER_MS (WS_CLOCK_HZ / 1000u)

static uint32_t told; /* cycles of the last whole millisecond */

/* Tell everybody how many milliseconds have passed. */
static void pass_time(void) {
    const uint32_t passed = ws_board_cycles() - told;
    if (passed < CYCLES_PER_MS) {
        return;
    }
    const uint32_t milliseconds = passed / CYCLES_PER_MS;
    told += milliseconds * CYCLES_PER_MS;
    ws_board_watch();
    ws_stack_check();
    ws_listen_tick(milliseconds);
    ws_inject_tick(milliseconds);
}

/* A flood of bytes must not keep the microphone waiting. */
static void read_console(void) {
    for (uint32_t i = 0; i < BYTES_AT_ONCE; i++) {
        const int32_t byte = ws_board_get();
        if (byte < 0) {
            return;
        }
        ws_protocol_byte((uint8_t)byte);
    }
}

/* Sleep unless there is something to do. Interrupts are masked while looking, so that one that
   comes between the look and the sleep ends the sleep (Armv7-M ARM B1.5.17, WFI). */
static void rest(void) {
    __asm volatile("cpsid i" ::: "memory");
    const int32_t byte = ws_board_get();
    if (byte < 0 && !ws_capture_waiting(WS_FE_HOP)) {
        ws_board_sleep();
    }
    __asm volatile("cpsie i" ::: "memory");
    if (byte >= 0) {
        ws_protocol_byte((uint8_t)byte);
    }
}

int main(void) {
    if (ws_integrity_ok()) {
        ws_refusal = ws_runtime_init();
    } else {
        ws_refusal = WS_IMAGE_WRONG;
    }
    ws_put_text("name " WS_APP_NAME "\nprotocol " WS_PROTOCOL_VERSION "\nboard " WS_BOARD_NAME
                "\nmodel " MODEL_HASH "\n");
    if (ws_refusal == 0) {
        ws_put_text("ready samples ");
        ws_put_unsigned(WS_APP_SAMPLES);
        ws_put_text("\n");
        ws_listen_start(0);
    } else {
        ws_error(ws_refusal);
    }
    for (;;) {
        pass_time();
        read_console();
        if (!ws_listen_step()) {
            rest();
        }
    }
}
