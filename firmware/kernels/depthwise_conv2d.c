/* DEPTHWISE_CONV_2D, int8, per-channel scales, any stride, padding, dilation and multiplier. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_taps.h"

/* All output channels of one position; `image` is the input, `top` and `left` may be outside it. */
static void one_position(const ws_depthwise_conv2d_params *p, const int8_t *image, int32_t top,
                         int32_t left, int8_t *output) {
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t input_step = p->dilation.x * p->input.channels;
    int32_t source = 0;  /* input channel */
    int32_t repeats = 0; /* output channels made from it so far */
    for (int32_t c = 0; c < p->output.channels; c++) {
        int32_t sum = 0;
        for (int32_t ky = rows.begin; ky < rows.end; ky++) {
            const int32_t y = top + ky * p->dilation.y;
            const int32_t x = left + columns.begin * p->dilation.x;
            int32_t in = (y * p->input.width + x) * p->input.channels + source;
            int32_t we = (ky * p->filter.x + columns.begin) * p->output.channels + c;
            for (int32_t kx = columns.begin; kx < columns.end; kx++) {
                sum += (image[in] + p->input_offset) * p->weights[we];
                in += input_step;
                we += p->output.channels;
            }
        }
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
                one_position(p, input, oy * p->stride.y - p->padding.y,
                             ox * p->stride.x - p->padding.x, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
