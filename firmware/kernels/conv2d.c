/* CONV_2D, int8, per-channel scales, any stride, padding, dilation and number of groups. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_windows.h"

/* Sum of (input + offset) * weight over the window. */
static int32_t dot(const ws_conv_window *w, const int8_t *input, const int8_t *weights,
                   int32_t offset) {
    int32_t sum = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        for (int32_t run = 0; run < w->runs; run++) {
            const int8_t *in = input + row * w->input_row + run * w->input_step;
            const int8_t *we = weights + row * w->weight_row + run * w->weight_step;
            for (int32_t i = 0; i < w->run; i++) {
                sum += (in[i] + offset) * we[i];
            }
        }
    }
    return sum;
}

void ws_conv2d_s8(const ws_conv2d_params *p, const int8_t *input, int8_t *output) {
    const int32_t depth = p->input.channels / p->groups;
    const int32_t per_group = p->output.channels / p->groups;
    const int32_t filter_size = p->filter.y * p->filter.x * depth;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_conv_window w = ws_conv_window_at(p, input, oy, ox);
                const int8_t *weights = p->weights + w.weight_start;
                for (int32_t c = 0; c < p->output.channels; c++) {
                    const int8_t *in = p->groups == 1 ? w.input : w.input + c / per_group * depth;
                    const int32_t bias = p->bias ? p->bias[c] : 0;
                    const int32_t sum = dot(&w, in, weights, p->input_offset);
                    *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c],
                                         p->output_offset, p->activation_min, p->activation_max);
                    weights += filter_size;
                }
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
