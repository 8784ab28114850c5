/*
 * SOFTMAX, int8 to int8 with scale 1/256 and zero point -128: TFLite's integer form, in which
 * exponentials are Q0.31, their sum has 12 integer bits, and its reciprocal is a Q0.31 number and a
 * power of two. The exponentials come from a table, because only 256 differences exist.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

#define SUM_INTEGER_BITS 12

static int32_t leading_zeros(uint32_t x) {
    int32_t count = 0;
    while (count < 32 && (x & 0x80000000u) == 0) {
        x <<= 1;
        count++;
    }
    return count;
}

static void one_row(const ws_softmax_params *p, const int8_t *input, int8_t *output) {
    int32_t largest = INT8_MIN;
    for (int32_t i = 0; i < p->depth; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }

    uint32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t below = largest - input[i];
        if (below < p->exp_count) {
            sum += (uint32_t)ws_round_shift_right(p->exp_table[below], SUM_INTEGER_BITS);
        }
    }

    /* sum = (1 + fraction) * 2^(SUM_INTEGER_BITS - zeros) */
    const int32_t zeros = leading_zeros(sum);
    const int32_t fraction = (int32_t)((sum << zeros) - 0x80000000u);
    const int32_t reciprocal = ws_one_over_one_plus_x(fraction);
    const int32_t right = SUM_INTEGER_BITS - zeros + 31 - 8;

    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t below = largest - input[i];
        int32_t share = 0;                         /* of 256 */
        if (below < p->exp_count && right <= 31) { /* further right nothing is left */
            share = ws_round_shift_right(ws_mul_high(reciprocal, p->exp_table[below]), right);
        }
        output[i] = (int8_t)ws_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
    }
}

void ws_softmax_s8(const ws_softmax_params *p, const int8_t *input, int8_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        one_row(p, input + row * p->depth, output + row * p->depth);
    }
}
