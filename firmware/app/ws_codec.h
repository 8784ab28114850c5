/* What the protocol's lines are made of: numbers, words and base64. */
#ifndef WS_CODEC_H
#define WS_CODEC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Each takes what it reads from *text and moves *text behind it, or returns 0 and leaves *text
 * alone. A number is 1 to 10 decimal digits up to 2^32 - 1; a hex number is exactly 8 digits in
 * lower case. Either must be followed by a space, which is taken too, or by the end.
 */
int ws_read_number(const char **text, uint32_t *value);
int ws_read_hex(const char **text, uint32_t *value);

/* 1, with *text behind it, when `word` stands at *text and a space (taken too) or the end follows.
 */
int ws_read_word(const char **text, const char *word);

/*
 * Decode base64 (RFC 4648, section 4: padded, nothing but the alphabet, unused bits zero) up to the
 * end of the text. Returns the number of bytes, or -1 when it is not base64 or more than `most`.
 */
int32_t ws_read_base64(const char *text, uint8_t *out, uint32_t most);

#ifdef __cplusplus
}
#endif

#endif
