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
#include "ws_runtime.h"
#include "ws_text.h"
#include "ws_tflm.h"

static uint32_t last_cycles;

static uint8_t next_byte(void) {
    for (;;) {
        const int32_t byte = ws_board_get();
        if (byte >= 0) {
            return (uint8_t)byte;
        }
        ws_board_sleep();
    }
}

static void put_error(const char *wrong) {
    ws_put_text("error ");
    ws_put_text(wrong);
    ws_put_text("\n");
}

static void run(void) {
    static const char digits[] = "0123456789abcdef";
    uint32_t address = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        address |= (uint32_t)next_byte() << shift;
    }
    memcpy(ws_runtime_input(), (const void *)(uintptr_t)address, MODEL_INPUT_SIZE);
    const uint32_t start = ws_board_cycles();
    const char *wrong = ws_runtime_invoke();
    last_cycles = ws_board_cycles() - start;
    if (wrong != 0) {
        put_error(wrong);
        return;
    }
    const int8_t *output = ws_runtime_output();
    ws_put_text("out ");
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        const uint8_t value = (uint8_t)output[i];
        ws_board_put((uint8_t)digits[value >> 4]);
        ws_board_put((uint8_t)digits[value & 15u]);
    }
    ws_put_text("\n");
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
        const uint8_t command = next_byte();
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
