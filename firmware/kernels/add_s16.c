/* ADD, int16, with broadcasting. */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

static int16_t sum_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    const int32_t scaled1 = ws_requantize(a * unit, p->multiplier1, p->shift1);
    const int32_t scaled2 = ws_requantize(b * unit, p->multiplier2, p->shift2);
    const int32_t sum =
        ws_requantize(ws_add_wrap(scaled1, scaled2), p->output_multiplier, p->output_shift);
    return (int16_t)ws_clamp(sum, p->activation_min, p->activation_max);
}

void ws_add_s16(const ws_add_params *p, const int16_t *input1, const int16_t *input2,
                int16_t *output) {
    for (int32_t i0 = 0; i0 < p->shape[0]; i0++) {
        for (int32_t i1 = 0; i1 < p->shape[1]; i1++) {
            for (int32_t i2 = 0; i2 < p->shape[2]; i2++) {
                const int16_t *a =
                    input1 + i0 * p->stride1[0] + i1 * p->stride1[1] + i2 * p->stride1[2];
                const int16_t *b =
                    input2 + i0 * p->stride2[0] + i1 * p->stride2[1] + i2 * p->stride2[2];
                for (int32_t i3 = 0; i3 < p->shape[3]; i3++) {
                    *output++ = sum_of(p, a[i3 * p->stride1[3]], b[i3 * p->stride2[3]]);
                }
            }
        }
    }
}
