/*
 * A model without ears on TFLite Micro, for emulators. A byte on the console is a command; an
 * address is 4 bytes, little-endian:
 *
 *     r                   forget all runs before
 *     i <address>         run the model on the bytes there (an emulator put them into memory that
 *                         the image does not use): "out", then the output as hexadecimal digits
 *     c                   "cycles" of the last run, from the board's counter
 */
#include <string.h>

#include "model.h"
#include "ws_board.h"
#include "ws_commands.h"
#include "ws_runtime.h"
#include "ws_text.h"
#include "ws_tflm.h"

static uint32_t last_cycles;

static void put_error(const char *wrong) {
    ws_put_text("error ");
    ws_put_text(wrong);
    ws_put_text("\n");
}

static void run(void) {
    const void *input = (const void *)(uintptr_t)ws_next_number();
    memcpy(ws_runtime_input(), input, MODEL_INPUT_SIZE);
    const uint32_t start = ws_board_cycles();
    const char *wrong = ws_runtime_invoke();
    last_cycles = ws_board_cycles() - start;
    if (wrong != 0) {
        put_error(wrong);
        return;
    }
    ws_put_output(ws_runtime_output(), MODEL_OUTPUT_SIZE);
}

int main(void) {
    const char *wrong = ws_runtime_init();
    ws_put_text("board " WS_BOARD_NAME "\nmodel " MODEL_HASH "\n");
    if (wrong != 0) {
        put_error(wrong);
    } else {
        ws_put_text("arena ");
        ws_put_unsigned(ws_tflm_arena_used());
        ws_put_text("\nready\n");
    }
    for (;;) {
        const uint8_t command = ws_next_byte();
        if (command == 'r') {
            ws_runtime_reset();
        } else if (command == 'i' && wrong == 0) {
            run();
        } else if (command == 'c') {
            ws_put_text("cycles ");
            ws_put_unsigned(last_cycles);
            ws_put_text("\n");
        }
    }
}
