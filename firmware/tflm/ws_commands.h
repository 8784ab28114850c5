/* Commands over the console, as emulators send them: bytes, and numbers of 4 bytes, little-endian.
 */
#ifndef WS_COMMANDS_H
#define WS_COMMANDS_H

#include <stdint.h>

#include "ws_board.h"
#include "ws_text.h"

/* Waits for a byte. */
static inline uint8_t ws_next_byte(void) {
    for (;;) {
        const int32_t byte = ws_board_get();
        if (byte >= 0) {
            return (uint8_t)byte;
        }
        ws_board_sleep();
    }
}

static inline uint32_t ws_next_number(void) {
    uint32_t number = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        number |= (uint32_t)ws_next_byte() << shift;
    }
    return number;
}

/* The answer to a run: "out", then the output as hexadecimal digits. */
static inline void ws_put_output(const int8_t *output, uint32_t size) {
    ws_put_text("out ");
    for (uint32_t i = 0; i < size; i++) {
        ws_put_hex_byte((uint8_t)output[i]);
    }
    ws_put_text("\n");
}

#endif
