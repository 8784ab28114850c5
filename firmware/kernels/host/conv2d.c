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

/* `blocks` times 16 channels from a block on, the `left` first of them, of `positions` positions.
 */
static WS_INLINE void tile(const ws_conv2d_host_params *p, const uint8_t *const *windows,
                           int32_t positions, int32_t block, int32_t blocks, int8_t *output,
                           int32_t left) {
    const ws_host_layer *l = &p->layer;
    const int32_t size = WS_VECTOR * p->fours;
    const int8_t *weights = p->weights + block * size;
    ws_i32x16 sums[MOST_BLOCKS][POSITIONS];
    for (int32_t b = 0; b < blocks; b++) {
        for (int32_t i = 0; i < POSITIONS; i++) {
            sums[b][i] = (ws_i32x16){0};
        }
    }
    for (int32_t four = 0; four < p->fours; four++) {
        const int32_t offset = p->offsets[four];
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
        const int32_t *rescale = l->rescale + WS_RESCALE_ROWS * WS_LANES * (block + b);
        const ws_host_rescale r = ws_host_rescale_of(rescale, l->activation_min, l->activation_max);
        for (int32_t i = 0; i < positions; i++) {
            ws_host_store(&r, sums[b][i], output + i * l->output.channels,
                          left < WS_LANES ? left : WS_LANES);
        }
        output += WS_LANES;
        left -= WS_LANES;
    }
}

/* All channels of a group, `count`, whose blocks begin at `first`, of `positions` positions. */
static void all_channels(const ws_conv2d_host_params *p, const uint8_t *const *windows,
                         int32_t positions, int32_t first, int32_t count, int8_t *output) {
    int32_t left = count, block = first;
    for (; left > (MOST_BLOCKS - 1) * WS_LANES; left -= MOST_BLOCKS * WS_LANES) {
        tile(p, windows, positions, block, MOST_BLOCKS, output + count - left, left);
        block += MOST_BLOCKS;
    }
    for (; left > WS_LANES; left -= 2 * WS_LANES) {
        tile(p, windows, positions, block, 2, output + count - left, left);
        block += 2;
    }
    if (left > 0) {
        tile(p, windows, positions, block, 1, output + count - left, left);
    }
}

void ws_conv2d_host(const ws_conv2d_host_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch) {
    const ws_host_layer *l = &p->layer;
    uint8_t *image = (uint8_t *)scratch;
    const int32_t column = l->stride.x * l->input.channels;
    const int32_t row = l->stride.y * l->plane.x * l->input.channels;
    const int32_t count = l->output.height * l->output.width;
    const int32_t depth = l->input.channels / p->groups, each = l->output.channels / p->groups;
    const int32_t blocks = (each + WS_LANES - 1) / WS_LANES;
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
            for (int32_t group = 0; group < p->groups; group++) {
                all_channels(p, windows, positions, group * blocks, each, output + group * each);
                for (int32_t i = 0; i < POSITIONS; i++) {
                    windows[i] += depth;
                }
            }
            output += positions * l->output.channels;
        }
        input += l->input.height * l->input.width * l->input.channels;
    }
}
