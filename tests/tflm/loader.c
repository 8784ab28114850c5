/*
 * Any small model on TFLite Micro: an emulator puts models and inputs into memory that the image
 * does not use. A byte on the console is a command, its numbers are 4 bytes, little-endian:
 *
 *     m <address> <input bytes> <output bytes>     take the model there: "ready" or "error ..."
 *     r                                            forget all runs before
 *     i <address>                                  run on the input there: "out " and hex digits
 */
#include <string.h>

#include "model.h"
#include "ws_board.h"
#include "ws_runtime.h"
#include "ws_text.h"

const uint8_t *loaded_model;
uint32_t loaded_input_size;
uint32_t loaded_output_size;

static uint8_t next_byte(void) {
    for (;;) {
        const int32_t byte = ws_board_get();
        if (byte >= 0) {
            return (uint8_t)byte;
        }
        ws_board_sleep();
    }
}

static uint32_t next_number(void) {
    uint32_t number = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        number |= (uint32_t)next_byte() << shift;
    }
    return number;
}

static void tell(const char *wrong) {
    ws_put_text(wrong == 0 ? "ready" : "error ");
    ws_put_text(wrong == 0 ? "" : wrong);
    ws_put_text("\n");
}

static void run(void) {
    static const char digits[] = "0123456789abcdef";
    memcpy(ws_runtime_input(), (const void *)(uintptr_t)next_number(), loaded_input_size);
    const char *wrong = ws_runtime_invoke();
    if (wrong != 0) {
        tell(wrong);
        return;
    }
    const int8_t *output = ws_runtime_output();
    ws_put_text("out ");
    for (uint32_t i = 0; i < loaded_output_size; i++) {
        const uint8_t value = (uint8_t)output[i];
        ws_board_put((uint8_t)digits[value >> 4]);
        ws_board_put((uint8_t)digits[value & 15u]);
    }
    ws_put_text("\n");
}

int main(void) {
    ws_put_text("loader\n");
    for (;;) {
        const uint8_t command = next_byte();
        if (command == 'm') {
            loaded_model = (const uint8_t *)(uintptr_t)next_number();
            loaded_input_size = next_number();
            loaded_output_size = next_number();
            tell(ws_runtime_init());
        } else if (command == 'r') {
            ws_runtime_reset();
        } else if (command == 'i') {
            run();
        }
    }
}
