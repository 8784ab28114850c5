/* DEPTHWISE_CONV_2D, int16 values, per-channel scales, any stride, padding and dilation. */
#include "ws_kernels_s16.h"
#include "ws_wide.h"
#include "ws_windows.h"

/* Sum of output channel c, which sees input channel `source`. */
static int64_t sum_of(const ws_depthwise_conv2d_s16_params *p, const ws_window *w,
                      const int16_t *image, int32_t source, int32_t c) {
    const int32_t x = w->left + w->columns.begin * p->dilation.x;
    const int32_t in_step = p->dilation.x * p->input.channels;
    int64_t sum = 0;
    for (int32_t row = w->rows.begin; row < w->rows.end; row++) {
        const int32_t y = w->top + row * p->dilation.y;
        int32_t in = (y * p->input.width + x) * p->input.channels + source;
        int32_t we = (row * p->filter.x + w->columns.begin) * p->output.channels + c;
        for (int32_t column = w->columns.begin; column < w->columns.end; column++) {
            sum += image[in] * p->weights[we];
            in += in_step;
            we += p->output.channels;
        }
    }
    return sum;
}

/* All output channels of one position. */
static void one_position(const ws_depthwise_conv2d_s16_params *p, const ws_window *w,
                         const int16_t *image, int16_t *output) {
    int32_t source = 0;  /* input channel */
    int32_t repeats = 0; /* output channels made from it so far */
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int64_t bias = p->bias ? p->bias[c] : 0;
        output[c] = ws_to_s16(sum_of(p, w, image, source, c) + bias, p->multiplier[c], p->right[c],
                              p->activation_min, p->activation_max);
        repeats++;
        if (repeats == p->depth_multiplier) {
            repeats = 0;
            source++;
        }
    }
}

void ws_depthwise_conv2d_s16(const ws_depthwise_conv2d_s16_params *p, const int16_t *input,
                             int16_t *output) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_window w = WS_WINDOW_AT(p, oy, ox);
                one_position(p, &w, input, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
