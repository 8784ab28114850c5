/* Sums of products with a zero point, for the kernels whose weights are in the order of the file.
 */
#ifndef WS_DOT_H
#define WS_DOT_H

#include <stdint.h>

#include "ws_dsp.h"
#include "ws_fixedpoint.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#include <arm_mve.h>

/*
 * The sum of (x + offset) * w, as the sum of x * w and offset times that of w: 16 values at a time.
 * Values behind the end are not read and count as 0. Both forms are equal modulo 2^32, and the
 * generator sees to it that the sum fits.
 */
static inline int32_t ws_dot(const int8_t *x, int32_t offset, const int8_t *w, int32_t count) {
    int32_t products = 0, weights = 0;
    for (int32_t left = count; left > 0; left -= 16) {
        const mve_pred16_t there = vctp8q((uint32_t)left);
        const int8x16_t values = vldrbq_z_s8(w, there);
        products = vmladavaq_s8(products, vldrbq_z_s8(x, there), values);
        weights = vaddvaq_s8(weights, values);
        x += 16;
        w += 16;
    }
    return ws_add_wrap(products, (int32_t)((uint32_t)offset * (uint32_t)weights));
}

#elif WS_HAS_DSP

/*
 * Four values at a time: SXTAB16 extends two of them and adds the offset, which int16 has room for;
 * SMLAD is two products. 8 instructions for 4 multiplications.
 */
static inline int32_t ws_dot(const int8_t *x, int32_t offset, const int8_t *w, int32_t count) {
    const uint32_t offsets = ws_pair(offset, offset);
    int32_t sum = 0, i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint32_t values = ws_load32(x + i), weights = ws_load32(w + i);
        sum = ws_dot_pair(ws_add_even_bytes(offsets, values), ws_even_bytes(weights), sum);
        sum = ws_dot_pair(ws_add_odd_bytes(offsets, values), ws_odd_bytes(weights), sum);
    }
    for (; i < count; i++) {
        sum += (x[i] + offset) * w[i];
    }
    return sum;
}

#else

static inline int32_t ws_dot(const int8_t *x, int32_t offset, const int8_t *w, int32_t count) {
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (x[i] + offset) * w[i];
    }
    return sum;
}

#endif

#endif /* WS_DOT_H */
