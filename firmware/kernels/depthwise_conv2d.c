/* DEPTHWISE_CONV_2D, int8, per-channel scales, any stride, padding, dilation and multiplier. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_windows.h"

/* Sum of (input + offset) * weight over the taps: input channel `in`, output channel `out`. */
static int32_t dot(const ws_depthwise_conv2d_params *p, const ws_depthwise_window *w,
                   const int8_t *input, int32_t in, int32_t out) {
    const int32_t weight_column = p->output.channels;
    const int32_t weight_row = p->filter.x * weight_column;
    int32_t sum = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        int32_t i = w->input_start + in + row * w->input_row;
        int32_t j = w->tap_start * weight_column + out + row * weight_row;
        for (int32_t column = 0; column < w->columns; column++) {
            sum += (input[i] + p->input_offset) * p->weights[j];
            i += w->input_column;
            j += weight_column;
        }
    }
    return sum;
}

/* All output channels of one position. */
static void one_position(const ws_depthwise_conv2d_params *p, const ws_depthwise_window *w,
                         const int8_t *input, int8_t *output) {
    int32_t source = 0;  /* input channel */
    int32_t repeats = 0; /* output channels made from it so far */
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t sum = dot(p, w, input, source, c);
        const int32_t bias = p->bias ? p->bias[c] : 0;
        output[c] = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c],
                             p->output_offset, p->activation_min, p->activation_max);
        repeats++;
        if (repeats == p->depth_multiplier) {
            repeats = 0;
            source++;
        }
    }
}

void ws_depthwise_conv2d_s8(const ws_depthwise_conv2d_params *p, const int8_t *input,
                            int8_t *output) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_depthwise_window w = ws_depthwise_window_at(p, oy, ox);
                one_position(p, &w, input, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
