/*
 * Weights of 4 bits, decoded where they are multiplied. A byte holds two codes, the first in the
 * low half. A code is an index into a table of 16 weights (lut = 1) or the weight itself in two's
 * complement (lut = 0, no table). Everything is inlined and lut a constant of the function that the
 * layers call, so that the loops contain one way only.
 */
#ifndef WS_NIBBLES_H
#define WS_NIBBLES_H

#include "ws_kernels.h"

static WS_INLINE int32_t ws_low_weight(int8_t codes, const int8_t *table, int lut) {
    return lut ? table[codes & 15] : (int32_t)((uint32_t)codes << 28) >> 28;
}

static WS_INLINE int32_t ws_high_weight(int8_t codes, const int8_t *table, int lut) {
    return lut ? table[(uint8_t)codes >> 4] : codes >> 4;
}

/* Sum of (input + offset) * weight over `count` inputs and the codes from number `first` on. */
static WS_INLINE int32_t ws_dot_nibbles(const int8_t *codes, int32_t first, int32_t count,
                                        const int8_t *table, int lut, const int8_t *input,
                                        int32_t offset) {
    int32_t sum = 0;
    codes += first >> 1;
    if ((first & 1) && count > 0) {
        sum += (*input++ + offset) * ws_high_weight(*codes++, table, lut);
        count--;
    }
    for (const int8_t *end = codes + (count >> 1); codes < end;) {
        const int8_t both = *codes++;
        sum += (input[0] + offset) * ws_low_weight(both, table, lut);
        sum += (input[1] + offset) * ws_high_weight(both, table, lut);
        input += 2;
    }
    if (count & 1) {
        sum += (*input + offset) * ws_low_weight(*codes, table, lut);
    }
    return sum;
}

#endif /* WS_NIBBLES_H */
