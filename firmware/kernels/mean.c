/* MEAN, int8, over any axes. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

void ws_mean_s8(const ws_mean_params *p, const int8_t *input, int8_t *output) {
    const int32_t inner = p->kept[1] * p->reduced[1] * p->kept[2]; /* one step of reduced 0 */
    for (int32_t k0 = 0; k0 < p->kept[0]; k0++) {
        for (int32_t k1 = 0; k1 < p->kept[1]; k1++) {
            for (int32_t k2 = 0; k2 < p->kept[2]; k2++) {
                int32_t sum = p->sum_offset;
                for (int32_t r0 = 0; r0 < p->reduced[0]; r0++) {
                    const int8_t *in = input + r0 * inner + k1 * p->reduced[1] * p->kept[2] + k2;
                    for (int32_t r1 = 0; r1 < p->reduced[1]; r1++) {
                        sum += in[r1 * p->kept[2]];
                    }
                }
                *output++ =
                    ws_to_s8(sum, p->multiplier, p->shift, p->output_offset, INT8_MIN, INT8_MAX);
            }
        }
        input += p->reduced[0] * inner;
    }
}
