/*
 * CONV_2D on the DSP instructions with weights of 4 bits, as numbers (_s4) or by table (_lut4);
 * else as its namesake.
 */
#include "ws_dsp_dots.h"
#include "ws_dsp_tiles.h"

typedef void (*tile_4bit)(const ws_tile_4bit *tile);

/* Channels from `first`, which is even, whatever their shifts. */
static void any_channels(const ws_conv2d_dsp4_params *q, const ws_tile_part *part, int32_t first,
                         ws_sums_4bit sums) {
    const ws_conv2d_dsp_params *p = &q->conv;
    const int32_t values = 2 * p->pairs;
    for (int32_t c = first; c < part->end; c += 2) {
        const int8_t *table = q->tables + c * q->table_step;
        int32_t doubled[2 * WS_POSITIONS];
        sums(part->x, q->codes + c / 2 * values, values, table, table + q->table_step, doubled);
        ws_tile_two_channels(p, part, c, doubled);
    }
}

/* As many channels as a tile does; returns their number, which is even. */
static int32_t even_channels(const ws_conv2d_dsp4_params *q, const ws_tile_part *part,
                             tile_4bit tile) {
    const ws_conv2d_dsp_params *p = &q->conv;
    const int32_t channels = p->outputs.usual ? p->output.channels & ~1 : 0;
    if (channels != 0) {
        ws_tile_4bit job = {
            .x = part->x,
            .end = part->x + WS_STEP * p->pairs,
            .channels = p->outputs.channels,
            .output = part->output,
            .twice = 2 * p->outputs.output_offset + 1,
            .count = channels / 2,
            .weights = q->codes,
            .table_b = q->tables,
            .table_a = q->tables + q->table_step,
            .table_step = 2 * q->table_step,
        };
        ws_tile_offsets(job.offset, p->output.channels, part->positions);
        tile(&job);
    }
    return channels;
}

static void tile_s4(const void *params, const ws_tile_part *part) {
    any_channels(params, part, even_channels(params, part, ws_tile_4_s4), ws_sums_s4);
}

static void tile_lut4(const void *params, const ws_tile_part *part) {
    any_channels(params, part, even_channels(params, part, ws_tile_4_lut4), ws_sums_lut4);
}

void ws_conv2d_dsp_s4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                      int8_t *scratch) {
    ws_conv2d_tiles(&p->conv, input, output, scratch, tile_s4, p);
}

void ws_conv2d_dsp_lut4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                        int8_t *scratch) {
    ws_conv2d_tiles(&p->conv, input, output, scratch, tile_lut4, p);
}
