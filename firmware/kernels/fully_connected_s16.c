/* FULLY_CONNECTED, int16 values, one scale for all units or one per unit. */
#include "ws_kernels_s16.h"
#include "ws_wide.h"

void ws_fully_connected_s16(const ws_fully_connected_s16_params *p, const int16_t *input,
                            int16_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *weights = p->weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            const int64_t bias = p->bias ? p->bias[unit] : 0;
            const int64_t sum = ws_dot_s16(input, weights, p->depth) + bias;
            const int32_t scale = unit * p->scale_step;
            *output++ = ws_to_s16(sum, p->multiplier[scale], p->right[scale], p->activation_min,
                                  p->activation_max);
            weights += p->depth;
        }
        input += p->depth;
    }
}
