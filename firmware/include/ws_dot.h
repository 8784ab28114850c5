/* Sums of products with a zero point, for the kernels whose weights are in the order of the file.
 */
#ifndef WS_DOT_H
#define WS_DOT_H

#include <stdint.h>

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
