/* Weights of 4 bits, read where they are multiplied: rows of codes, two per byte, low half first.
 */
#ifndef WS_NIBBLES_H
#define WS_NIBBLES_H

#include <stddef.h>

#include "ws_kernels.h"

/* The table of an output channel, NULL where there is none. */
static inline const int8_t *ws_table_of(const ws_codes *codes, int32_t channel) {
    return codes->table ? codes->table + channel * codes->table_step : NULL;
}

/* The weight in a half of a byte: by table, or without one the half itself in two's complement. */
static inline int32_t ws_low_weight(int8_t codes, const int8_t *table) {
    return table ? table[codes & 15] : (int32_t)((uint32_t)codes << 28) >> 28;
}

static inline int32_t ws_high_weight(int8_t codes, const int8_t *table) {
    return table ? table[(codes >> 4) & 15] : codes >> 4;
}

/*
 * Sum of (input + offset) * weight over `count` codes from number `first` of a row, and as many
 * input values `step` apart.
 */
static inline int32_t ws_dot_s4(const int8_t *row, int32_t first, int32_t count,
                                const int8_t *table, const int8_t *input, int32_t step,
                                int32_t offset) {
    const int8_t *codes = row + (first >> 1);
    int32_t sum = 0;
    int32_t i = 0; /* place in the input */
    if ((first & 1) && count > 0) {
        sum += (input[0] + offset) * ws_high_weight(*codes++, table);
        i = step;
        count--;
    }
    for (; count > 1; count -= 2) {
        const int8_t both = *codes++;
        sum += (input[i] + offset) * ws_low_weight(both, table);
        sum += (input[i + step] + offset) * ws_high_weight(both, table);
        i += 2 * step;
    }
    if (count > 0) {
        sum += (input[i] + offset) * ws_low_weight(*codes, table);
    }
    return sum;
}

#endif /* WS_NIBBLES_H */
