/* CONV_2D, int8, on the DSP instructions. */
#include "ws_dsp_dots.h"
#include "ws_dsp_tiles.h"
#include "ws_memory.h"

/* Sums of two channels at four positions, b's first; a's as they come for at most WS_DSP_TERMS. */
static void sums_of(const ws_conv2d_dsp_params *p, const int8_t *x, const int16_t *weights,
                    int32_t *doubled) {
    int32_t sums[2 * WS_POSITIONS];
    int32_t begin = 0;
    memset(doubled, 0, sizeof sums);
    do {
        const int32_t left = p->pairs - begin;
        const int32_t pairs = left > WS_DSP_TERMS / 2 ? WS_DSP_TERMS / 2 : left;
        ws_dot_4x2(x + WS_STEP * begin, weights + 2 * begin, pairs, sums);
        for (int32_t i = 0; i < WS_POSITIONS; i++) {
            doubled[i] += 2 * sums[i];
            doubled[i + WS_POSITIONS] += ws_twice_a(sums[i], sums[i + WS_POSITIONS]);
        }
        begin += pairs;
    } while (begin < p->pairs);
}

/* Channels from `first`, which is even, at most four positions, in C. */
static void tile_in_c(const ws_conv2d_dsp_params *p, const int8_t *x, int8_t *output,
                      int32_t positions, int32_t first) {
    const int32_t channels = p->output.channels;
    const int16_t *weights = p->weights + first * p->pairs;
    for (int32_t c = first; c < channels; c += 2) {
        int32_t doubled[2 * WS_POSITIONS];
        sums_of(p, x, weights, doubled);
        ws_tile_channel(&p->outputs, c, doubled, output + c, channels, positions);
        if (c + 1 < channels) {
            ws_tile_channel(&p->outputs, c + 1, doubled + WS_POSITIONS, output + c + 1, channels,
                            positions);
        }
        weights += 2 * p->pairs;
    }
}

/* As many channels as assembly does; returns their number, which is even. */
static int32_t tile_in_assembly(const ws_conv2d_dsp_params *p, const int8_t *x, int8_t *output,
                                int32_t positions) {
#if WS_HAS_ASM
    const int32_t channels = p->output.channels & ~1;
    if (channels != 0 && p->pairs <= WS_DSP_TERMS / 2) {
        ws_tile tile = {
            .weights = p->weights,
            .odd = p->pairs & 2,
            .x = x,
            .end = x + WS_STEP * p->pairs,
            .channels = p->outputs.channels,
            .output = output,
            .twice = 2 * p->outputs.output_offset + 1,
            .count = channels / 2,
        };
        ws_tile_offsets(tile.offset, p->output.channels, positions);
        ws_tile_4(&tile);
        return channels;
    }
#endif
    (void)p;
    (void)x;
    (void)output;
    (void)positions;
    return 0;
}

static void tile_of(const void *params, const int8_t *x, int8_t *output, int32_t positions) {
    const ws_conv2d_dsp_params *p = params;
    tile_in_c(p, x, output, positions, tile_in_assembly(p, x, output, positions));
}

void ws_conv2d_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch) {
    ws_conv2d_tiles(p, input, output, scratch, tile_of, p);
}
