#include "ws_codec.h"

/* Behind a token: its end is a space, which is skipped, or the end of the text. */
static int finish(const char **text, const char *end) {
    if (*end != '\0' && *end != ' ') {
        return 0;
    }
    *text = end + (*end == ' ');
    return 1;
}

int ws_read_number(const char **text, uint32_t *value) {
    const char *at = *text;
    uint32_t number = 0;
    if (*at < '0' || *at > '9') {
        return 0;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        const uint32_t digit = (uint32_t)(*at - '0');
        if (at - *text >= 10 || number > (UINT32_MAX - digit) / 10u) {
            return 0;
        }
        number = number * 10u + digit;
    }
    *value = number;
    return finish(text, at);
}

int ws_read_hex(const char **text, uint32_t *value) {
    const char *at = *text;
    uint32_t number = 0;
    for (int i = 0; i < 8; i++, at++) {
        if (*at >= '0' && *at <= '9') {
            number = number << 4 | (uint32_t)(*at - '0');
        } else if (*at >= 'a' && *at <= 'f') {
            number = number << 4 | (uint32_t)(*at - 'a' + 10);
        } else {
            return 0;
        }
    }
    *value = number;
    return finish(text, at);
}

int ws_read_word(const char **text, const char *word) {
    const char *at = *text;
    while (*word != '\0') {
        if (*at++ != *word++) {
            return 0;
        }
    }
    return finish(text, at);
}

/* 0 to 63, or -1 for what is not in the alphabet. */
static int32_t sextet(char letter) {
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

int32_t ws_read_base64(const char *text, uint8_t *out, uint32_t most) {
    uint32_t made = 0;
    while (*text != '\0') {
        uint32_t bits = 0;
        uint32_t letters = 0;
        for (; letters < 4u && text[letters] != '='; letters++) {
            const int32_t six = sextet(text[letters]); /* -1 at the end of the text, too */
            if (six < 0) {
                return -1;
            }
            bits |= (uint32_t)six << (18u - 6u * letters);
        }
        for (uint32_t i = letters; i < 4u; i++) {
            if (text[i] != '=') {
                return -1;
            }
        }
        if (letters < 2u || (letters < 4u && text[4] != '\0') || made + letters - 1u > most ||
            (bits & (0xFFFFFFu >> 8u * (letters - 1u))) != 0) {
            return -1;
        }
        for (uint32_t i = 0; i + 1u < letters; i++) {
            out[made++] = (uint8_t)(bits >> (16u - 8u * i));
        }
        text += 4;
    }
    return (int32_t)made;
}
