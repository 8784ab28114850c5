/* DEPTHWISE_CONV_2D with weights of 4 bits; otherwise as depthwise_conv2d.c. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_nibbles.h"
#include "ws_windows.h"

static inline int32_t dot(const ws_depthwise_conv2d_params *p, const ws_depthwise_window *w,
                          const int8_t *input, const int8_t *codes, const int8_t *table) {
    int32_t sum = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        sum += ws_dot_s4(codes, w->tap_start + row * p->filter.x, w->columns, table,
                         input + row * w->input_row, w->input_column, p->input_offset);
    }
    return sum;
}

/* All output channels of one position. */
static void one_position(const ws_depthwise_conv2d_s4_params *params, const ws_depthwise_window *w,
                         const int8_t *input, int8_t *output) {
    const ws_depthwise_conv2d_params *p = &params->conv;
    const int32_t row_bytes = (p->filter.y * p->filter.x + 1) / 2;
    const int8_t *codes = p->weights;
    int32_t repeats = 0; /* output channels made from an input channel so far */
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int8_t *table = ws_table_of(&params->codes, c);
        const int32_t sum = table ? dot(p, w, input, codes, table) : dot(p, w, input, codes, NULL);
        const int32_t bias = p->bias ? p->bias[c] : 0;
        output[c] = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c],
                             p->output_offset, p->activation_min, p->activation_max);
        codes += row_bytes;
        repeats++;
        if (repeats == p->depth_multiplier) {
            repeats = 0;
            input++;
        }
    }
}

void ws_depthwise_conv2d_s4(const ws_depthwise_conv2d_s4_params *params, const int8_t *input,
                            int8_t *output) {
    const ws_depthwise_conv2d_params *p = &params->conv;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_depthwise_window w = ws_depthwise_window_at(p, oy, ox);
                one_position(params, &w, input + w.input_start, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
