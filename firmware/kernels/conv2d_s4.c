/* CONV_2D with weights of 4 bits, as two's complement or by table; otherwise as conv2d.c. */
#include <stddef.h>

#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_nibbles.h"
#include "ws_windows.h"

/* Sum of (input + offset) * weight over the window. */
static WS_INLINE int32_t dot(const ws_conv_window *w, const int8_t *input, int32_t offset,
                             const int8_t *codes, const int8_t *table, int lut) {
    int32_t sum = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        for (int32_t run = 0; run < w->runs; run++) {
            const int8_t *in = input + row * w->input_row + run * w->input_step;
            const int32_t first = w->weight_start + row * w->weight_row + run * w->weight_step;
            sum += ws_dot_nibbles(codes, first, w->run, table, lut, in, offset);
        }
    }
    return sum;
}

static WS_INLINE void conv2d(const ws_conv2d_params *p, const int8_t *tables, int32_t table_step,
                             int lut, const int8_t *input, int8_t *output) {
    const int32_t depth = p->input.channels / p->groups;
    const int32_t per_group = p->output.channels / p->groups;
    const int32_t row_bytes = (p->filter.y * p->filter.x * depth + 1) / 2;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_conv_window w = ws_conv_window_at(p, input, oy, ox);
                const int8_t *codes = p->weights;
                for (int32_t c = 0; c < p->output.channels; c++) {
                    const int8_t *in = p->groups == 1 ? w.input : w.input + c / per_group * depth;
                    const int8_t *table = lut ? tables + c * table_step : NULL;
                    const int32_t bias = p->bias ? p->bias[c] : 0;
                    const int32_t sum = dot(&w, in, p->input_offset, codes, table, lut);
                    *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c],
                                         p->output_offset, p->activation_min, p->activation_max);
                    codes += row_bytes;
                }
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}

void ws_conv2d_s4(const ws_conv2d_params *p, const int8_t *input, int8_t *output) {
    conv2d(p, NULL, 0, 0, input, output);
}

void ws_conv2d_lut4(const ws_conv2d_lut4_params *p, const int8_t *input, int8_t *output) {
    conv2d(&p->conv, p->tables, p->table_step, 1, input, output);
}
