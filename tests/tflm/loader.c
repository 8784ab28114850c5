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
#include "ws_commands.h"
#include "ws_runtime.h"
#include "ws_text.h"

const uint8_t *loaded_model;
uint32_t loaded_input_size;
uint32_t loaded_output_size;

static void tell(const char *wrong) {
    ws_put_text(wrong == 0 ? "ready" : "error ");
    ws_put_text(wrong == 0 ? "" : wrong);
    ws_put_text("\n");
}

static void run(void) {
    const void *input = (const void *)(uintptr_t)ws_next_number();
    memcpy(ws_runtime_input(), input, loaded_input_size);
    const char *wrong = ws_runtime_invoke();
    if (wrong != 0) {
        tell(wrong);
        return;
    }
    ws_put_output(ws_runtime_output(), loaded_output_size);
}

int main(void) {
    ws_put_text("loader\n");
    for (;;) {
        const uint8_t command = ws_next_byte();
        if (command == 'm') {
            loaded_model = (const uint8_t *)(uintptr_t)ws_next_number();
            loaded_input_size = ws_next_number();
            loaded_output_size = ws_next_number();
            tell(ws_runtime_init());
        } else if (command == 'r') {
            ws_runtime_reset();
        } else if (command == 'i') {
            run();
        }
    }
}
