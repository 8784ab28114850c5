/*
 * Fixed-point arithmetic of the int8 kernels: the C side of convert/fixedpoint.py, bit for bit.
 *
 * Q0.31 means 31 fractional bits beside the sign. Right shifts of negative numbers are arithmetic
 * and conversions to int32_t keep the low 32 bits, as GCC, clang and Arm's compilers promise.
 */
#ifndef WS_FIXEDPOINT_H
#define WS_FIXEDPOINT_H

#include <stdint.h>

/* a + b that wraps instead of being undefined; sound models never wrap. */
static inline int32_t ws_add_wrap(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t ws_clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : (x > high ? high : x);
}

/*
 * The product of two Q0.31 numbers to the nearest Q0.31 number, halves upwards (gemmlowp's
 * SaturatingRoundingDoublingHighMul). a and b must not both be INT32_MIN, the one pair that would
 * saturate: here b is always a multiplier, which is not.
 */
static inline int32_t ws_mul_high(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent to the nearest integer, halves away from zero; exponent in [0, 31]. */
static inline int32_t ws_round_shift_right(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1u);
    const int32_t remainder = x & mask;
    const int32_t threshold = (int32_t)((uint32_t)mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/*
 * x * multiplier / 2^31 * 2^shift, rounded twice (TFLite Micro's MultiplyByQuantizedMultiplier).
 * multiplier >= 0, shift in [-31, 30], positive to the left.
 */
static inline int32_t ws_requantize(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t shifted = (int32_t)((uint32_t)x << left);
    return ws_round_shift_right(ws_mul_high(shifted, multiplier), right);
}

/*
 * An accumulator to an int8 output: rescale, add the zero point, clamp to [low, high]. The clamp
 * comes first, with moved bounds, so that no sum can overflow.
 */
static inline int8_t ws_to_s8(int32_t accumulator, int32_t multiplier, int32_t shift,
                              int32_t offset, int32_t low, int32_t high) {
    const int32_t scaled = ws_requantize(accumulator, multiplier, shift);
    return (int8_t)(ws_clamp(scaled, low - offset, high - offset) + offset);
}

/*
 * 1 / (1 + a) for a in [0, 1), both Q0.31: three Newton-Raphson steps from 48/17 - 32/17 d, where
 * d = (1 + a) / 2 (gemmlowp's one_over_one_plus_x_for_x_in_0_1).
 */
static inline int32_t ws_one_over_one_plus_x(int32_t a) {
    const int32_t half_denominator = (int32_t)(((uint32_t)a + 0x80000000u) >> 1);
    int32_t x = 1515870810 + ws_mul_high(half_denominator, -1010580540); /* 2 integer bits */
    for (int step = 0; step < 3; step++) {
        const int32_t error = (1 << 29) - ws_mul_high(half_denominator, x);
        x += ws_mul_high(x, error) * 4; /* |error| is at most 1/17, so this cannot overflow */
    }
    return x >= (1 << 30) ? INT32_MAX : x * 2;
}

static inline int32_t ws_leading_zeros(uint32_t x) {
    int32_t count = 0;
    while (count < 32 && (x & 0x80000000u) == 0) {
        x <<= 1;
        count++;
    }
    return count;
}

#endif /* WS_FIXEDPOINT_H */
