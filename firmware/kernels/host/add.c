/*
 * ADD for evaluation on a desktop or server: what firmware/kernels/add.c defines, 16 values at a
 * time where rows of both inputs lie as the output does.
 */
#include "ws_host.h"
#include "ws_two_inputs.h"

/* ws_requantize of 16 values below 2^29 by a shift to the right or none. */
static WS_INLINE ws_i32x16 requantized(ws_i32x16 x, int32_t multiplier, int32_t right) {
    const ws_i32x16 scaled = ws_mul_upper_x16(x * 2, ws_everywhere(multiplier));
    const int32_t half = right > 0 ? (int32_t)1 << (right - 1) : 0;
    const ws_i32x16 away = right > 0 ? scaled >> 31 : (ws_i32x16){0};
    return (scaled + away + half) >> right;
}

static WS_INLINE ws_i32x16 widened(const int8_t *from) {
    ws_i8x16 bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, ws_i32x16);
}

static WS_INLINE void sums_of(const ws_add_params *p, const int8_t *a, const int8_t *b,
                              int8_t *output) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    const ws_i32x16 first =
        requantized((widened(a) + p->offset1) * unit, p->multiplier1, -p->shift1);
    const ws_i32x16 second =
        requantized((widened(b) + p->offset2) * unit, p->multiplier2, -p->shift2);
    const ws_i32x16 sum = requantized(first + second, p->output_multiplier, -p->output_shift);
    const ws_i8x16 bytes = ws_bounded_x16(sum + p->output_offset, ws_everywhere(p->activation_min),
                                          ws_everywhere(p->activation_max));
    memcpy(output, &bytes, sizeof bytes);
}

/* A value of the inputs is below 2^8 and a unit at most 2^20, so a sum stays below 2^29. */
static int fits(const ws_add_params *p) {
    return p->left_shift <= 20 && p->shift1 <= 0 && p->shift2 <= 0 && p->output_shift <= 0 &&
           p->stride1[3] == 1 && p->stride2[3] == 1;
}

/* One run of the last dimension. */
static WS_INLINE void run_of(const ws_add_params *p, const int8_t *a, const int8_t *b,
                             int8_t *output) {
    const int vectors = fits(p);
    int32_t i = 0;
    for (; vectors && i + WS_LANES <= p->shape[3]; i += WS_LANES) {
        sums_of(p, a + i, b + i, output + i);
    }
    for (; i < p->shape[3]; i++) {
        output[i] = ws_sum_of(p, a[i * p->stride1[3]], b[i * p->stride2[3]]);
    }
}

#define WS_BINARY ws_add_s8
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_RUN run_of
#include "ws_broadcast_loops.h"
