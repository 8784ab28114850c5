/*
 * DEPTHWISE_CONV_2D for evaluation on a desktop or server.
 *
 * For a row of outputs and 16 channels, every column of the image is made into vectors whose lanes
 * are channels and whose four bytes are four filter rows; a vector serves all filter columns that
 * fall on it. An output then takes one dot product per filter column and four filter rows.
 */
#include "ws_host_image.h"

#define ROWS 4    /* of the filter in one vector */
#define OUTPUTS 4 /* at once, so that one dot product need not wait for another */

/* The vectors of one column; `column` is its first row's 16 channels. */
static WS_INLINE uint8_t *interleave(const ws_depthwise_host_params *p, const uint8_t *column,
                                     uint8_t *to) {
    const int32_t *row = p->rows;
    for (int32_t i = 0; i < p->vectors; i++) {
        const ws_u8x64 vector =
            ws_interleave4(ws_load_u8x16(column + row[0]), ws_load_u8x16(column + row[1]),
                           ws_load_u8x16(column + row[2]), ws_load_u8x16(column + row[3]));
        memcpy(to, &vector, sizeof vector);
        row += ROWS;
        to += WS_VECTOR;
    }
    return to;
}

/* `count` outputs in a row, of the `lanes` first of 16 channels. */
static WS_INLINE void outputs_of(const ws_depthwise_host_params *p, const ws_host_rescale *r,
                                 const uint8_t *columns, const int8_t *weights, int8_t *output,
                                 int32_t count, int32_t lanes) {
    const ws_host_layer *l = &p->layer;
    const int32_t step = l->stride.x * p->vectors * WS_VECTOR;
    ws_i32x16 sums[OUTPUTS];
    for (int32_t i = 0; i < count; i++) {
        sums[i] = (ws_i32x16){0};
    }
    for (int32_t tap = 0; tap < p->taps; tap++) {
        const ws_i8x64 w = ws_load_i8x64(weights + tap * WS_VECTOR);
        const uint8_t *from = columns + p->offsets[tap];
        for (int32_t i = 0; i < count; i++) {
            sums[i] = ws_dot4(sums[i], ws_load_u8x64(from + i * step), w);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        ws_host_store(r, sums[i], output + i * l->output.channels, lanes);
    }
}

/* One row of outputs of 16 channels, fewer in the last block. */
static WS_INLINE void row_of(const ws_depthwise_host_params *p, const uint8_t *columns,
                             int32_t channel, int8_t *output, int32_t lanes) {
    const ws_host_layer *l = &p->layer;
    const int8_t *weights = p->weights + channel * p->taps * (WS_VECTOR / WS_LANES);
    const ws_host_rescale r = ws_host_rescale_of(l->rescale + WS_RESCALE_ROWS * channel,
                                                 l->activation_min, l->activation_max);
    const int32_t step = l->stride.x * p->vectors * WS_VECTOR;
    int32_t ox = 0;
    for (; ox + OUTPUTS <= l->output.width; ox += OUTPUTS) {
        outputs_of(p, &r, columns + ox * step, weights, output + ox * l->output.channels, OUTPUTS,
                   lanes);
    }
    for (; ox < l->output.width; ox++) {
        outputs_of(p, &r, columns + ox * step, weights, output + ox * l->output.channels, 1, lanes);
    }
}

void ws_depthwise_conv2d_host(const ws_depthwise_host_params *p, const int8_t *input,
                              int8_t *output, int8_t *scratch) {
    const ws_host_layer *l = &p->layer;
    uint8_t *image = (uint8_t *)scratch;
    uint8_t *columns = image + p->columns_at;
    const int32_t depth = l->output.channels;
    for (int32_t batch = 0; batch < l->batches; batch++) {
        ws_host_image(l, input, image);
        for (int32_t oy = 0; oy < l->output.height; oy++) {
            const uint8_t *top = image + oy * l->stride.y * l->plane.x * depth;
            for (int32_t channel = 0; channel < depth; channel += WS_LANES) {
                uint8_t *to = columns;
                for (int32_t x = 0; x < l->plane.x; x++) {
                    to = interleave(p, top + x * depth + channel, to);
                }
                if (depth - channel >= WS_LANES) {
                    row_of(p, columns, channel, output + channel, WS_LANES);
                } else {
                    row_of(p, columns, channel, output + channel, depth - channel);
                }
            }
            output += l->output.width * l->output.channels;
        }
        input += l->input.height * l->input.width * l->input.channels;
    }
}
