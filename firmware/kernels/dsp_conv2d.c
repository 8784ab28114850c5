/* CONV_2D, int8, on the DSP instructions. */
#include "ws_dsp_dots.h"
#include "ws_dsp_tiles.h"
#include "ws_memory.h"

/* Doubled sums of two channels at four positions, b's first. */
static void sums_of(const ws_conv2d_dsp_params *p, const int8_t *x, const int16_t *weights,
                    int32_t *doubled) {
    memset(doubled, 0, 2 * WS_POSITIONS * sizeof *doubled);
    for (int32_t begin = 0; begin < p->pairs; begin += p->chunk) {
        const int32_t left = p->pairs - begin;
        const int32_t pairs = left > p->chunk ? p->chunk : left;
        int32_t sums[2 * WS_POSITIONS];
        ws_dot_4x2(x + WS_STEP * begin, weights + 2 * begin, pairs, sums);
        for (int32_t i = 0; i < WS_POSITIONS; i++) {
            doubled[i] += 2 * sums[i];
            doubled[i + WS_POSITIONS] += ws_twice_a(sums[i], sums[i + WS_POSITIONS]);
        }
    }
}

/* Take back what was added to one of a's weights: 2^16 of 256 * a, doubled. */
static void correct(const int8_t *x, int32_t value, int32_t *doubled) {
    const int8_t *pair = x + WS_STEP * (value / 4 * 2 + (value & 1));
    for (int32_t i = 0; i < WS_POSITIONS; i++) {
        const uint32_t both = ws_load32(pair + 4 * i);
        doubled[i] -= 512 * ((value & 2) != 0 ? ws_high16(both) : ws_low16(both));
    }
}

/* Two channels, or the group's last one, in C; returns what is left of the list. */
static const ws_too_low *two_channels(const ws_conv2d_dsp_params *p, const ws_tile_part *part,
                                      int32_t c, const ws_too_low *too_low) {
    int32_t doubled[2 * WS_POSITIONS];
    sums_of(p, part->x, p->weights + c * p->pairs, doubled);
    for (; too_low->channel <= c + 1; too_low++) {
        correct(part->x, too_low->value, doubled + WS_POSITIONS);
    }
    ws_tile_two_channels(p, part, c, doubled);
    return too_low;
}

/* Channels begin <= c < end, an even number of them, in assembly. */
static void even_channels(const ws_conv2d_dsp_params *p, const ws_tile_part *part, int32_t begin,
                          int32_t end) {
    ws_tile tile = {
        .weights = p->weights + begin * p->pairs,
        .pairs = p->pairs,
        .x = part->x,
        .end = part->x + WS_STEP * p->pairs,
        .channels = p->outputs.channels + begin,
        .output = part->output + (begin - part->begin),
        .twice = 2 * p->outputs.output_offset + 1,
        .count = (end - begin) / 2,
    };
    ws_tile_offsets(tile.offset, p->output.channels, part->positions);
    ws_tile_4(&tile);
}

void ws_conv2d_tile(const void *params, const ws_tile_part *part) {
    const ws_conv2d_dsp_params *p = params;
    const int usual = p->outputs.usual && p->chunk >= p->pairs;
    const int32_t even = usual ? part->end & ~1 : 0;
    const ws_too_low *too_low = p->too_low;
    while (too_low->channel < part->begin) {
        too_low++;
    }
    for (int32_t c = part->begin; c < part->end;) {
        const int32_t end = too_low->channel < even ? too_low->channel & ~1 : even;
        if (c < end) {
            even_channels(p, part, c, end);
            c = end;
        } else {
            too_low = two_channels(p, part, c, too_low);
            c += 2;
        }
    }
}

void ws_conv2d_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch) {
    ws_conv2d_tiles(p, input, output, scratch, ws_conv2d_tile, p);
}
