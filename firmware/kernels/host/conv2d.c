/*
 * CONV_2D for evaluation on a desktop or server.
 *
 * A tile is four positions times up to 64 channels, 16 vectors of sums. Per group of four input
 * bytes it loads up to four vectors of weights and the four bytes of each position, and makes 16
 * dot products of 64 multiplications: with AVX-512 VNNI one instruction per 64 multiplications and
 * eight loads per 16 of these.
 */
#include "ws_host_image.h"

#define POSITIONS 4
#define MOST_BLOCKS 4

/* Channels 16 * block and on, `blocks` times 16, of `positions` positions. */
static WS_INLINE void tile(const ws_conv2d_host_params *p, const uint8_t *const *windows,
                           int32_t positions, int32_t block, int32_t blocks, int8_t *output) {
    const ws_host_layer *l = &p->layer;
    const int32_t size = WS_VECTOR * p->groups;
    const int8_t *weights = p->weights + block * size;
    ws_i32x16 sums[MOST_BLOCKS][POSITIONS];
    for (int32_t b = 0; b < blocks; b++) {
        for (int32_t i = 0; i < POSITIONS; i++) {
            sums[b][i] = (ws_i32x16){0};
        }
    }
    for (int32_t group = 0; group < p->groups; group++) {
        const int32_t offset = p->offsets[group];
        ws_u8x64 x[POSITIONS];
        for (int32_t i = 0; i < POSITIONS; i++) {
            x[i] = ws_four_everywhere(windows[i] + offset);
        }
        for (int32_t b = 0; b < blocks; b++) {
            const ws_i8x64 w = ws_load_i8x64(weights + b * size);
            for (int32_t i = 0; i < POSITIONS; i++) {
                sums[b][i] = ws_dot4(sums[b][i], x[i], w);
            }
        }
        weights += WS_VECTOR;
    }
    for (int32_t b = 0; b < blocks; b++) {
        const int32_t channel = WS_LANES * (block + b);
        const int32_t left = l->output.channels - channel;
        const ws_host_rescale r = ws_host_rescale_of(l->rescale + WS_RESCALE_ROWS * channel,
                                                     l->activation_min, l->activation_max);
        for (int32_t i = 0; i < positions; i++) {
            ws_host_store(&r, sums[b][i], output + i * l->output.channels + channel,
                          left < WS_LANES ? left : WS_LANES);
        }
    }
}

/* All channels of `positions` positions. */
static void all_channels(const ws_conv2d_host_params *p, const uint8_t *const *windows,
                         int32_t positions, int8_t *output) {
    const int32_t blocks = (p->layer.output.channels + WS_LANES - 1) / WS_LANES;
    int32_t block = 0;
    for (; block + MOST_BLOCKS <= blocks; block += MOST_BLOCKS) {
        tile(p, windows, positions, block, MOST_BLOCKS, output);
    }
    for (; block + 2 <= blocks; block += 2) {
        tile(p, windows, positions, block, 2, output);
    }
    if (block < blocks) {
        tile(p, windows, positions, block, 1, output);
    }
}

void ws_conv2d_host(const ws_conv2d_host_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch) {
    const ws_host_layer *l = &p->layer;
    uint8_t *image = (uint8_t *)scratch;
    const int32_t column = l->stride.x * l->input.channels;
    const int32_t row = l->stride.y * l->plane.x * l->input.channels;
    const int32_t count = l->output.height * l->output.width;
    for (int32_t batch = 0; batch < l->batches; batch++) {
        ws_host_image(l, input, image);
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += POSITIONS) {
            const uint8_t *windows[POSITIONS] = {image, image, image, image};
            const int32_t left = count - done;
            const int32_t positions = left < POSITIONS ? left : POSITIONS;
            for (int32_t i = 0; i < positions; i++) {
                windows[i] = image + oy * row + ox * column;
                if (++ox == l->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            all_channels(p, windows, positions, output);
            output += positions * l->output.channels;
        }
        input += l->input.height * l->input.width * l->input.channels;
    }
}
