/* MEAN, int8, on the DSP instructions: four neighbouring outputs at a time, from four on. */
#include "ws_dsp_columns.h"
#include "ws_fixedpoint.h"
#include "ws_kernels_dsp.h"

void ws_mean_dsp(const ws_mean_params *p, const int8_t *input, int8_t *output) {
    const int32_t kept = p->kept[2];
    const int32_t inner = p->kept[1] * p->reduced[1] * kept; /* one step of reduced 0 */
    const int flat = p->kept[1] * p->reduced[1] == 1;
    for (int32_t k0 = 0; k0 < p->kept[0]; k0++) {
        for (int32_t k1 = 0; k1 < p->kept[1]; k1++) {
            for (int32_t c = 0; c < kept; c += 4) {
                const int32_t k2 = c < kept - 4 ? c : kept - 4;
                const int8_t *in = input + k1 * p->reduced[1] * kept + k2;
                int32_t sums[4] = {p->sum_offset, p->sum_offset, p->sum_offset, p->sum_offset};
                for (int32_t r0 = 0; r0 < (flat ? 1 : p->reduced[0]); r0++) {
                    ws_add_columns(in + r0 * inner, kept, flat ? p->reduced[0] : p->reduced[1],
                                   sums);
                }
                for (int32_t i = 0; i < 4; i++) {
                    output[k2 + i] = ws_to_s8(sums[i], p->multiplier, p->shift, p->output_offset,
                                              INT8_MIN, INT8_MAX);
                }
            }
            output += kept;
        }
        input += p->reduced[0] * inner;
    }
}
