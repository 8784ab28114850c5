#include "ws_text.h"

#include "ws_board.h"

void ws_put_text(const char *text) {
    while (*text != '\0') {
        ws_board_put((uint8_t)*text++);
    }
}

void ws_put_unsigned(uint32_t value) {
    char digits[11];
    uint32_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    ws_put_text(digits + at);
}

void ws_put_signed(int32_t value) {
    if (value < 0) {
        ws_board_put('-');
        ws_put_unsigned(0u - (uint32_t)value);
    } else {
        ws_put_unsigned((uint32_t)value);
    }
}

void ws_put_hex_byte(uint8_t value) {
    static const char digits[] = "0123456789abcdef";
    ws_board_put((uint8_t)digits[value >> 4]);
    ws_board_put((uint8_t)digits[value & 15u]);
}

void ws_put_hex(uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        ws_put_hex_byte((uint8_t)(value >> shift));
    }
}
