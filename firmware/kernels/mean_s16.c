/* MEAN, int16, over any axes. */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

void ws_mean_s16(const ws_mean_params *p, const int16_t *input, int16_t *output) {
    const int32_t inner = p->kept[1] * p->reduced[1] * p->kept[2]; /* one step of reduced 0 */
    for (int32_t k0 = 0; k0 < p->kept[0]; k0++) {
        for (int32_t k1 = 0; k1 < p->kept[1]; k1++) {
            for (int32_t k2 = 0; k2 < p->kept[2]; k2++) {
                int32_t sum = 0;
                for (int32_t r0 = 0; r0 < p->reduced[0]; r0++) {
                    const int16_t *in = input + r0 * inner + k1 * p->reduced[1] * p->kept[2] + k2;
                    for (int32_t r1 = 0; r1 < p->reduced[1]; r1++) {
                        sum += in[r1 * p->kept[2]];
                    }
                }
                const int32_t mean = ws_requantize(sum, p->multiplier, p->shift);
                *output++ = (int16_t)ws_clamp(mean, INT16_MIN, INT16_MAX);
            }
        }
        input += p->reduced[0] * inner;
    }
}
