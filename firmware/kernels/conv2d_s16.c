/* CONV_2D, int16 values, per-channel scales, any stride, padding, dilation and number of groups. */
#include "ws_kernels_s16.h"
#include "ws_wide.h"
#include "ws_windows.h"

/* Sum of one output channel; `first` is the first input channel that it sees. */
static int64_t sum_of(const ws_conv2d_s16_params *p, const ws_window *w, const int16_t *image,
                      int32_t first, const int8_t *weights) {
    const int32_t depth = p->input.channels / p->groups;
    const int contiguous = p->dilation.x == 1 && p->groups == 1;
    const int32_t across = w->columns.end - w->columns.begin;
    const int32_t runs = contiguous && across > 0 ? 1 : across;
    const int32_t run = contiguous ? across * depth : depth;
    int64_t sum = 0;
    for (int32_t row = w->rows.begin; row < w->rows.end; row++) {
        const int32_t y = w->top + row * p->dilation.y;
        for (int32_t i = 0; i < runs; i++) {
            const int32_t column = w->columns.begin + i;
            const int32_t x = w->left + column * p->dilation.x;
            const int32_t in = (y * p->input.width + x) * p->input.channels + first;
            const int32_t we = (row * p->filter.x + column) * depth;
            sum += ws_dot_s16(image + in, weights + we, run);
        }
    }
    return sum;
}

/* All output channels of one position. */
static void one_position(const ws_conv2d_s16_params *p, const ws_window *w, const int16_t *image,
                         int16_t *output) {
    const int32_t depth = p->input.channels / p->groups;
    const int32_t per_group = p->output.channels / p->groups;
    const int32_t filter_size = p->filter.y * p->filter.x * depth;
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t first = p->groups == 1 ? 0 : c / per_group * depth;
        const int64_t bias = p->bias ? p->bias[c] : 0;
        const int64_t sum = sum_of(p, w, image, first, p->weights + c * filter_size);
        output[c] = ws_to_s16(sum + bias, p->multiplier[c], p->right[c], p->activation_min,
                              p->activation_max);
    }
}

void ws_conv2d_s16(const ws_conv2d_s16_params *p, const int16_t *input, int16_t *output) {
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
