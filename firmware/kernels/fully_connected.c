/* FULLY_CONNECTED, int8, one scale for all units or one per unit. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

static int32_t dot(const int8_t *input, int32_t input_offset, const int8_t *weights,
                   int32_t weight_offset, int32_t depth) {
    int32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        sum += (input[i] + input_offset) * (weights[i] + weight_offset);
    }
    return sum;
}

void ws_fully_connected_s8(const ws_fully_connected_params *p, const int8_t *input,
                           int8_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *weights = p->weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            const int32_t bias = p->bias ? p->bias[unit] : 0;
            const int32_t sum = dot(input, p->input_offset, weights, p->weight_offset, p->depth);
            const int32_t scale = unit * p->scale_step;
            *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[scale], p->shift[scale],
                                 p->output_offset, p->activation_min, p->activation_max);
            weights += p->depth;
        }
        input += p->depth;
    }
}
