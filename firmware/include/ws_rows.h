/*
 * Products of a row of values with rows of weights as the .tflite has them, for operators whose
 * weights are not rearranged: LSTM and SVDF. Any address, any count.
 */
#ifndef WS_ROWS_H
#define WS_ROWS_H

#include <stdint.h>

#include "ws_dsp.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#include <arm_mve.h>
#endif

#define WS_ROWS 4

/*
 * sums[i] = sum of x * weights[i * step + ...] for four rows of `count` weights.
 *
 * With DSP instructions: 3 instructions for four values, 5 per row and four weights (a load, two
 * SXTB16, two SMLAD), so 23 per 16 multiplications and 3 for the loop. With MVE one load per row
 * and 16 weights, and one VMLADAVA.
 */
static inline void ws_four_rows(const int8_t *x, const int8_t *weights, int32_t step, int32_t count,
                                int32_t *sums) {
    int32_t a = 0, b = 0, c = 0, d = 0, i = 0;
    const int8_t *second = weights + step, *third = second + step, *fourth = third + step;
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
    for (; i < count; i += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(count - i));
        const int8x16_t values = vldrbq_z_s8(x + i, some);
        a = vmladavaq_p_s8(a, values, vldrbq_z_s8(weights + i, some), some);
        b = vmladavaq_p_s8(b, values, vldrbq_z_s8(second + i, some), some);
        c = vmladavaq_p_s8(c, values, vldrbq_z_s8(third + i, some), some);
        d = vmladavaq_p_s8(d, values, vldrbq_z_s8(fourth + i, some), some);
    }
#else
#if WS_HAS_DSP
    for (; i + 4 <= count; i += 4) {
        const uint32_t four = ws_load32(x + i);
        const uint32_t even = ws_even_bytes(four), odd = ws_odd_bytes(four);
        const uint32_t wa = ws_load32(weights + i), wb = ws_load32(second + i);
        a = ws_dot_pair(odd, ws_odd_bytes(wa), ws_dot_pair(even, ws_even_bytes(wa), a));
        b = ws_dot_pair(odd, ws_odd_bytes(wb), ws_dot_pair(even, ws_even_bytes(wb), b));
        const uint32_t wc = ws_load32(third + i), wd = ws_load32(fourth + i);
        c = ws_dot_pair(odd, ws_odd_bytes(wc), ws_dot_pair(even, ws_even_bytes(wc), c));
        d = ws_dot_pair(odd, ws_odd_bytes(wd), ws_dot_pair(even, ws_even_bytes(wd), d));
    }
#endif
    for (; i < count; i++) {
        const int32_t value = x[i];
        a += value * weights[i];
        b += value * second[i];
        c += value * third[i];
        d += value * fourth[i];
    }
#endif
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* The same for one row. */
static inline int32_t ws_one_row(const int8_t *x, const int8_t *weights, int32_t count) {
    int32_t sum = 0, i = 0;
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
    for (; i < count; i += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(count - i));
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(x + i, some), vldrbq_z_s8(weights + i, some), some);
    }
#else
#if WS_HAS_DSP
    for (; i + 4 <= count; i += 4) {
        const uint32_t four = ws_load32(x + i), w = ws_load32(weights + i);
        sum = ws_dot_pair(ws_even_bytes(four), ws_even_bytes(w), sum);
        sum = ws_dot_pair(ws_odd_bytes(four), ws_odd_bytes(w), sum);
    }
#endif
    for (; i < count; i++) {
        sum += x[i] * weights[i];
    }
#endif
    return sum;
}

#endif /* WS_ROWS_H */
