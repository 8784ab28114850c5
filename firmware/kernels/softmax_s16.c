/*
 * SOFTMAX, int16 to int16 with scale 1/32768: exponentials and the reciprocal of their sum come
 * from tables of 512 intervals, in Q0.15, with linear interpolation.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

/* The upper 9 bits of x choose an interval, the lower 7 a place in it. */
static int32_t look_up(int32_t x, const int16_t *table) {
    const int32_t interval = 256 + (x >> 7);
    const int32_t base = table[interval];
    const int32_t slope = table[interval + 1] - base;
    return base + ((slope * (x & 127) + 64) >> 7);
}

static void one_row(const ws_softmax_s16_params *p, const int16_t *input, int16_t *output) {
    int32_t largest = INT16_MIN;
    for (int32_t i = 0; i < p->depth; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }

    int32_t sum = 0; /* 15 fractional bits; the outputs hold the exponentials meanwhile */
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t below = ws_requantize(input[i] - largest, p->multiplier, p->shift);
        const int32_t place = ws_clamp(below, INT16_MIN - INT16_MAX, 0) + INT16_MAX;
        output[i] = (int16_t)look_up(place, p->exp_table);
        sum += output[i];
    }

    /* sum = (1 + fraction / 2^16) * 2^(16 - zeros); the table counts the fraction from -32768 */
    const int32_t zeros = ws_leading_zeros((uint32_t)sum);
    const int64_t shifted = (((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14;
    const int32_t fraction = ws_clamp((int32_t)shifted - (3 << 15), INT16_MIN, INT16_MAX);
    const int32_t reciprocal = look_up(fraction, p->reciprocal_table);
    const int32_t right = 31 - zeros;

    for (int32_t i = 0; i < p->depth; i++) {
        const int64_t share = (int64_t)output[i] * reciprocal + ((int64_t)1 << (right - 1));
        output[i] = (int16_t)ws_clamp((int32_t)(share >> right), 0, INT16_MAX);
    }
}

void ws_softmax_s16(const ws_softmax_s16_params *p, const int16_t *input, int16_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        one_row(p, input + row * p->depth, output + row * p->depth);
    }
}
