/* TRANSPOSE_CONV, int8, per-channel scales: every output gathers the inputs that reach it. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

/*
 * Sum of (input + offset) * weight for the output at (y, x), which count from where the first tap
 * of the first input lies. A tap reaches it from input (y - tap) / stride, where that is whole.
 */
static int32_t gathered(const ws_transpose_conv_params *p, const int8_t *input,
                        const int8_t *weights, int32_t y, int32_t x) {
    const int32_t depth = p->input.channels;
    int32_t sum = 0;
    for (int32_t ky = y % p->stride.y; ky < p->filter.y && ky <= y; ky += p->stride.y) {
        const int32_t iy = (y - ky) / p->stride.y;
        for (int32_t kx = x % p->stride.x; kx < p->filter.x && kx <= x; kx += p->stride.x) {
            const int32_t ix = (x - kx) / p->stride.x;
            if (iy >= p->input.height || ix >= p->input.width) {
                continue;
            }
            const int8_t *in = input + (iy * p->input.width + ix) * depth;
            const int8_t *we = weights + (ky * p->filter.x + kx) * depth;
            for (int32_t i = 0; i < depth; i++) {
                sum += (in[i] + p->input_offset) * we[i];
            }
        }
    }
    return sum;
}

void ws_transpose_conv_s8(const ws_transpose_conv_params *p, const int8_t *input, int8_t *output) {
    const int32_t filter_size = p->filter.y * p->filter.x * p->input.channels;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                for (int32_t c = 0; c < p->output.channels; c++) {
                    const int32_t sum = gathered(p, input, p->weights + c * filter_size,
                                                 oy + p->padding.y, ox + p->padding.x);
                    const int32_t bias = p->bias ? p->bias[c] : 0;
                    *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c],
                                         p->output_offset, p->activation_min, p->activation_max);
                }
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
