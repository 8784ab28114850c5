/* DEPTHWISE_CONV_2D, int8, per-channel scales, any stride, padding, dilation and multiplier. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_taps.h"

/* The taps of one output position that are inside the input, and how to walk them. */
typedef struct {
    int32_t input_start;  /* channel 0 of the first tap */
    int32_t weight_start; /* output channel 0 of the first tap */
    int32_t rows;
    int32_t columns;
    int32_t input_row; /* values from one row of taps to the next */
    int32_t input_column;
    int32_t weight_row;
    int32_t weight_column;
} window;

static window window_at(const ws_depthwise_conv2d_params *p, int32_t oy, int32_t ox) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    const window w = {
        .input_start = (y * p->input.width + x) * p->input.channels,
        .weight_start = (rows.begin * p->filter.x + columns.begin) * p->output.channels,
        .rows = rows.end - rows.begin,
        .columns = columns.end - columns.begin,
        .input_row = p->dilation.y * p->input.width * p->input.channels,
        .input_column = p->dilation.x * p->input.channels,
        .weight_row = p->filter.x * p->output.channels,
        .weight_column = p->output.channels,
    };
    return w;
}

/* Sum of (input + offset) * weight over the taps, from value `in` of the input, `we` of the filter.
 */
static int32_t dot(const window *w, const int8_t *input, int32_t in, const int8_t *weights,
                   int32_t we, int32_t offset) {
    int32_t sum = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        int32_t i = in + row * w->input_row;
        int32_t j = we + row * w->weight_row;
        for (int32_t column = 0; column < w->columns; column++) {
            sum += (input[i] + offset) * weights[j];
            i += w->input_column;
            j += w->weight_column;
        }
    }
    return sum;
}

/* All output channels of one position. */
static void one_position(const ws_depthwise_conv2d_params *p, const window *w, const int8_t *input,
                         int8_t *output) {
    int32_t source = 0;  /* input channel */
    int32_t repeats = 0; /* output channels made from it so far */
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t sum = dot(w, input, w->input_start + source, p->weights, w->weight_start + c,
                                p->input_offset);
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
                const window w = window_at(p, oy, ox);
                one_position(p, &w, input, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
