/* Arithmetic of the int16 kernels: the C side of convert/fixedpoint_wide.py, bit for bit. */
#ifndef WS_WIDE_H
#define WS_WIDE_H

#include <stdint.h>

#include "ws_fixedpoint.h"

#define WS_EXACT_TERMS 256 /* products of int16 and int8 whose sum fits 32 bits with room */

/* Sum of `count` products, in 32 bits for as long as they suffice. */
static inline int64_t ws_dot_s16(const int16_t *values, const int8_t *weights, int32_t count) {
    int64_t sum = 0;
    int32_t i = 0;
    while (i < count) {
        const int32_t end = count - i > WS_EXACT_TERMS ? i + WS_EXACT_TERMS : count;
        int32_t part = 0;
        for (; i < end; i++) {
            part += values[i] * weights[i];
        }
        sum += part;
    }
    return sum;
}

/*
 * A 64-bit sum to an int16 output: sum * multiplier / 2^right to the nearest integer, halves
 * upwards, clamped to [low, high]. |sum| < 2^47, multiplier < 2^15.
 */
static inline int16_t ws_to_s16(int64_t sum, int32_t multiplier, int32_t right, int32_t low,
                                int32_t high) {
    const int64_t product = sum * multiplier + ((int64_t)1 << (right - 1));
    return (int16_t)ws_clamp((int32_t)(product >> right), low, high);
}

#endif /* WS_WIDE_H */
