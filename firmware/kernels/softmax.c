/*
 * SOFTMAX of int8, to int8 with scale 1/256 and zero point -128 or to int16 with 1/65536 and
 * -32768: TFLite's integer form, in which exponentials are Q0.31, their sum has 12 integer bits,
 * and its reciprocal is a Q0.31 number and a power of two. The exponentials come from a table,
 * because only 256 differences exist.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

#define SUM_INTEGER_BITS 12

/* What makes shares of a row's exponentials. */
typedef struct {
    int32_t largest;
    int32_t reciprocal;
    int32_t right;
} row_scale;

/* For shares of `bits` bits. */
static row_scale scale_of(const ws_softmax_params *p, const int8_t *input, int32_t bits) {
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
    const int32_t zeros = ws_leading_zeros(sum);
    const int32_t fraction = (int32_t)((sum << zeros) - 0x80000000u);
    const row_scale found = {largest, ws_one_over_one_plus_x(fraction),
                             SUM_INTEGER_BITS - zeros + 31 - bits};
    return found;
}

static int32_t share(const ws_softmax_params *p, const row_scale *row, int32_t x) {
    const int32_t below = row->largest - x;
    if (below >= p->exp_count || row->right > 31) { /* further right nothing is left */
        return 0;
    }
    return ws_round_shift_right(ws_mul_high(row->reciprocal, p->exp_table[below]), row->right);
}

void ws_softmax_s8(const ws_softmax_params *p, const int8_t *input, int8_t *output) {
    for (int32_t n = 0; n < p->rows; n++, input += p->depth, output += p->depth) {
        const row_scale row = scale_of(p, input, 8);
        for (int32_t i = 0; i < p->depth; i++) {
            output[i] = (int8_t)ws_clamp(share(p, &row, input[i]) + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}

void ws_softmax_s8_s16(const ws_softmax_params *p, const int8_t *input, int16_t *output) {
    for (int32_t n = 0; n < p->rows; n++, input += p->depth, output += p->depth) {
        const row_scale row = scale_of(p, input, 16);
        for (int32_t i = 0; i < p->depth; i++) {
            const int32_t value = share(p, &row, input[i]) + INT16_MIN;
            output[i] = (int16_t)ws_clamp(value, INT16_MIN, INT16_MAX);
        }
    }
}
