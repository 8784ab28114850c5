/* Four neighbouring channels summed over positions, for pooling and MEAN. */
#ifndef WS_DSP_COLUMNS_H
#define WS_DSP_COLUMNS_H

#include "ws_dsp.h"

#define WS_COLUMN_TERMS 255 /* 255 * 128 fits int16 */

/*
 * Adds to `sums` what is at x and in each next position, `step` bytes further, `count` in all. Sums
 * of two channels share a word for as long as int16 suffices: 3 instructions per 4 values and 3 for
 * the loop.
 */
static inline void ws_add_columns(const int8_t *x, int32_t step, int32_t count, int32_t *sums) {
    while (count > 0) {
        const int32_t terms = count > WS_COLUMN_TERMS ? WS_COLUMN_TERMS : count;
        uint32_t even = 0, odd = 0;
        for (const int8_t *end = x + terms * step; x < end; x += step) {
            const uint32_t word = ws_load32(x);
            even = ws_add_even_bytes(even, word);
            odd = ws_add_odd_bytes(odd, word);
        }
        sums[0] += ws_low16(even);
        sums[1] += ws_low16(odd);
        sums[2] += ws_high16(even);
        sums[3] += ws_high16(odd);
        count -= terms;
    }
}

#endif /* WS_DSP_COLUMNS_H */
