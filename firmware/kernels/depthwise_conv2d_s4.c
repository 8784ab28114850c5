/*
 * DEPTHWISE_CONV_2D with weights of 4 bits, as two's complement or by table; otherwise as
 * depthwise_conv2d.c. A byte holds a tap's weights for two neighbouring output channels, which are
 * therefore computed together.
 */
#include <stddef.h>

#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_nibbles.h"
#include "ws_windows.h"

/* One output channel of a pair: its input channel at the first tap, its table, its sum. */
typedef struct {
    const int8_t *input;
    const int8_t *table;
    int32_t sum;
} ws_lane;

/* Sums of (input + offset) * weight over the taps; `codes` is the pair's byte of the first tap. */
static WS_INLINE void dots(const ws_depthwise_conv2d_params *p, const ws_depthwise_window *w,
                           const int8_t *codes, int lut, ws_lane *low, ws_lane *high) {
    const int32_t tap_bytes = (p->output.channels + 1) / 2;
    for (int32_t row = 0; row < w->rows; row++) {
        int32_t i = row * w->input_row;
        int32_t j = row * p->filter.x * tap_bytes;
        for (int32_t column = 0; column < w->columns; column++) {
            const int8_t both = codes[j];
            low->sum += (low->input[i] + p->input_offset) * ws_low_weight(both, low->table, lut);
            high->sum +=
                (high->input[i] + p->input_offset) * ws_high_weight(both, high->table, lut);
            i += w->input_column;
            j += tap_bytes;
        }
    }
}

/* Where output channel c begins: `input` is input channel 0 of the first tap. */
static WS_INLINE ws_lane lane_of(const ws_depthwise_conv2d_params *p, const int8_t *tables,
                                 int32_t table_step, int lut, const int8_t *input, int32_t c) {
    const int32_t source = p->depth_multiplier == 1 ? c : c / p->depth_multiplier;
    const ws_lane lane = {input + source, lut ? tables + c * table_step : NULL, 0};
    return lane;
}

static WS_INLINE int8_t finish(const ws_depthwise_conv2d_params *p, int32_t c, int32_t sum) {
    const int32_t bias = p->bias ? p->bias[c] : 0;
    return ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[c], p->shift[c], p->output_offset,
                    p->activation_min, p->activation_max);
}

/* All output channels of one position. */
static WS_INLINE void one_position(const ws_depthwise_conv2d_params *p, const int8_t *tables,
                                   int32_t table_step, int lut, const ws_depthwise_window *w,
                                   const int8_t *input, int8_t *output) {
    const int32_t channels = p->output.channels;
    const int8_t *codes = p->weights + w->tap_start * ((channels + 1) / 2);
    for (int32_t c = 0; c < channels; c += 2) {
        const int32_t next = c + 1 < channels ? c + 1 : c; /* an odd last one is alone */
        ws_lane low = lane_of(p, tables, table_step, lut, input, c);
        ws_lane high = lane_of(p, tables, table_step, lut, input, next);
        dots(p, w, codes++, lut, &low, &high);
        output[c] = finish(p, c, low.sum);
        if (next > c) {
            output[next] = finish(p, next, high.sum);
        }
    }
}

static WS_INLINE void depthwise(const ws_depthwise_conv2d_params *p, const int8_t *tables,
                                int32_t table_step, int lut, const int8_t *input, int8_t *output) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const ws_depthwise_window w = ws_depthwise_window_at(p, oy, ox);
                one_position(p, tables, table_step, lut, &w, input + w.input_start, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}

void ws_depthwise_conv2d_s4(const ws_depthwise_conv2d_params *p, const int8_t *input,
                            int8_t *output) {
    depthwise(p, NULL, 0, 0, input, output);
}

void ws_depthwise_conv2d_lut4(const ws_depthwise_conv2d_lut4_params *p, const int8_t *input,
                              int8_t *output) {
    depthwise(&p->conv, p->tables, p->table_step, 1, input, output);
}
