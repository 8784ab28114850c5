/* CONV_2D, int8, per-channel scales, any stride, padding, dilation and number of groups. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_taps.h"

/*
 * The part of the input that one output position sees. Neighbouring columns are contiguous in input
 * and filter when the dilation is 1, so a row of taps is then a single run of values.
 */
typedef struct {
    const int8_t *input;  /* first value of the first tap that is inside, group 0 */
    int32_t weight_start; /* its position in the filter of one output channel */
    int32_t rows;         /* rows of taps inside */
    int32_t runs;         /* runs per row */
    int32_t run;          /* values per run */
    int32_t input_row;    /* values from one row of taps to the next */
    int32_t input_step;   /* values from one run to the next */
    int32_t weight_row;
    int32_t weight_step;
} window;

static window window_at(const ws_conv2d_params *p, const int8_t *image, int32_t oy, int32_t ox) {
    const int32_t depth = p->input.channels / p->groups;
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t across = columns.end - columns.begin;
    const int contiguous = p->dilation.x == 1 && p->groups == 1;
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    window w;
    w.rows = across > 0 ? rows.end - rows.begin : 0;
    w.runs = contiguous ? 1 : across;
    w.run = contiguous ? across * depth : depth;
    w.input = w.rows > 0 ? image + (y * p->input.width + x) * p->input.channels : image;
    w.weight_start = w.rows > 0 ? (rows.begin * p->filter.x + columns.begin) * depth : 0;
    w.input_row = p->dilation.y * p->input.width * p->input.channels;
    w.input_step = p->dilation.x * p->input.channels;
    w.weight_row = p->filter.x * depth;
    w.weight_step = depth;
    return w;
}

/* Sum of (input + offset) * weight over the window. */
static int32_t dot(const window *w, const int8_t *input, const int8_t *weights, int32_t offset) {
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
                const window w = window_at(p, input, oy, ox);
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
