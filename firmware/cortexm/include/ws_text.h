/* Writing text to the console; there is no printf. */
#ifndef WS_TEXT_H
#define WS_TEXT_H

#include <stdint.h>

void ws_put_text(const char *text);
void ws_put_unsigned(uint32_t value);
void ws_put_signed(int32_t value);
void ws_put_hex_byte(uint8_t value); /* two digits */
void ws_put_hex(uint32_t value);     /* eight digits */

#endif
