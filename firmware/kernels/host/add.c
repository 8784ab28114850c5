/*
 * ADD for evaluation on a desktop or server: what firmware/kernels/add.c defines, 16 values at a
 * time where rows of both inputs lie as the output does.
 */
#include "ws_host.h"
#include "ws_sum_of.h"

/* ws_requantize of 16 values below 2^29 by a shift to the right or none. */
static WS_INLINE ws_i32x16 requantized(ws_i32x16 x, int32_t multiplier, int32_t right) {
    const ws_i32x16 scaled = ws_mul_upper_x16(x * 2, multiplier - (ws_i32x16){0});
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
    ws_i32x16 sum = requantized(first + second, p->output_multiplier, -p->output_shift);
    sum += p->output_offset;
    const ws_i32x16 least = p->activation_min - (ws_i32x16){0};
    const ws_i32x16 most = p->activation_max - (ws_i32x16){0};
    sum = ws_chosen(sum < least, least, sum);
    sum = ws_chosen(sum > most, most, sum);
    const ws_i8x16 bytes = __builtin_convertvector(sum, ws_i8x16);
    memcpy(output, &bytes, sizeof bytes);
}

/* A value of the inputs is below 2^8 and a unit at most 2^20, so a sum stays below 2^29. */
static int fits(const ws_add_params *p) {
    return p->left_shift <= 20 && p->shift1 <= 0 && p->shift2 <= 0 && p->output_shift <= 0 &&
           p->stride1[3] == 1 && p->stride2[3] == 1;
}

void ws_add_s8(const ws_add_params *p, const int8_t *input1, const int8_t *input2, int8_t *output) {
    const int vectors = fits(p);
    for (int32_t i0 = 0; i0 < p->shape[0]; i0++) {
        for (int32_t i1 = 0; i1 < p->shape[1]; i1++) {
            for (int32_t i2 = 0; i2 < p->shape[2]; i2++) {
                const int8_t *a =
                    input1 + i0 * p->stride1[0] + i1 * p->stride1[1] + i2 * p->stride1[2];
                const int8_t *b =
                    input2 + i0 * p->stride2[0] + i1 * p->stride2[1] + i2 * p->stride2[2];
                int32_t i3 = 0;
                for (; vectors && i3 + WS_LANES <= p->shape[3]; i3 += WS_LANES) {
                    sums_of(p, a + i3, b + i3, output + i3);
                }
                for (; i3 < p->shape[3]; i3++) {
                    output[i3] = ws_sum_of(p, a[i3 * p->stride1[3]], b[i3 * p->stride2[3]]);
                }
                output += p->shape[3];
            }
        }
    }
}
