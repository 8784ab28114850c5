/*
 * CONV_2D on the DSP instructions with weights of 4 bits, as numbers (_s4) or by table (_lut4);
 * else as its namesake.
 */
#include "ws_dsp_dots.h"
#include "ws_dsp_tiles.h"
#include "ws_memory.h"
#include "ws_nibbles.h"

/* Weight of channel a or b from the byte of both: b's half is less by what it took from a's. */
static WS_INLINE int32_t weight_of(uint8_t byte, const int8_t *table, int a, int lut) {
    if (lut) {
        return table[a ? byte >> 4 : byte & 15];
    }
    const int32_t both = (int8_t)byte;
    const int32_t b = ws_low_weight((int8_t)byte, 0, 0);
    return a ? (both - b) / 16 : b;
}

/* Doubled sums of two channels at four positions; x holds of four values 0, 2 and 1, 3 as pairs. */
static WS_INLINE void sums_of(const ws_conv2d_dsp_params *p, const int8_t *x, const int8_t *weights,
                              const int8_t *const *tables, int lut, int32_t *doubled) {
    memset(doubled, 0, 2 * WS_POSITIONS * sizeof *doubled);
    for (int32_t value = 0; value < 2 * p->pairs; value++) {
        const int32_t pair = value / 4 * 2 + (value & 1);
        for (int32_t i = 0; i < WS_POSITIONS; i++) {
            const uint32_t both = ws_load32(x + WS_STEP * pair + 4 * i);
            const int32_t twice = 2 * ((value & 2) != 0 ? ws_high16(both) : ws_low16(both));
            const uint8_t byte = (uint8_t)weights[value];
            doubled[i] += twice * weight_of(byte, tables[0], 0, lut);
            doubled[i + WS_POSITIONS] += twice * weight_of(byte, tables[1], 1, lut);
        }
    }
}

/* Channels from `first`, which is even, at most four positions, in C. */
static WS_INLINE void tile_in_c(const ws_conv2d_dsp4_params *q, const int8_t *x, int8_t *output,
                                int32_t positions, int32_t first, int lut) {
    const ws_conv2d_dsp_params *p = &q->conv;
    const int32_t channels = p->output.channels;
    const int8_t *weights = q->codes + first * p->pairs;
    for (int32_t c = first; c < channels; c += 2) {
        const int8_t *const tables[2] = {q->tables + c * q->table_step,
                                         q->tables + (c + 1) * q->table_step};
        int32_t doubled[2 * WS_POSITIONS];
        sums_of(p, x, weights, tables, lut, doubled);
        ws_tile_channel(&p->outputs, c, doubled, output + c, channels, positions);
        if (c + 1 < channels) {
            ws_tile_channel(&p->outputs, c + 1, doubled + WS_POSITIONS, output + c + 1, channels,
                            positions);
        }
        weights += 2 * p->pairs;
    }
}

/* As many channels as assembly does; returns their number, which is even. */
static WS_INLINE int32_t tile_in_assembly(const ws_conv2d_dsp4_params *q, const int8_t *x,
                                          int8_t *output, int32_t positions, int lut) {
#if WS_HAS_ASM
    const ws_conv2d_dsp_params *p = &q->conv;
    const int32_t channels = p->output.channels & ~1;
    if (channels != 0 && p->outputs.usual) {
        ws_tile_4bit job = {
            .x = x,
            .end = x + WS_STEP * p->pairs,
            .channels = p->outputs.channels,
            .output = output,
            .twice = 2 * p->outputs.output_offset + 1,
            .count = channels / 2,
            .weights = q->codes,
            .table_b = q->tables,
            .table_a = q->tables + q->table_step,
            .table_step = 2 * q->table_step,
        };
        ws_tile_offsets(job.offset, p->output.channels, positions);
        if (lut) {
            ws_tile_4_lut4(&job);
        } else {
            ws_tile_4_s4(&job);
        }
        return channels;
    }
    return 0;
#else
    (void)q;
    (void)x;
    (void)output;
    (void)positions;
    (void)lut;
    return 0;
#endif
}

static WS_INLINE void tile(const ws_conv2d_dsp4_params *q, const int8_t *x, int8_t *output,
                           int32_t positions, int lut) {
    const int32_t done = tile_in_assembly(q, x, output, positions, lut);
    tile_in_c(q, x, output, positions, done, lut);
}

static void tile_s4(const void *params, const int8_t *x, int8_t *output, int32_t positions) {
    tile(params, x, output, positions, 0);
}

static void tile_lut4(const void *params, const int8_t *x, int8_t *output, int32_t positions) {
    tile(params, x, output, positions, 1);
}

void ws_conv2d_dsp_s4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                      int8_t *scratch) {
    ws_conv2d_tiles(&p->conv, input, output, scratch, tile_s4, p);
}

void ws_conv2d_dsp_lut4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                        int8_t *scratch) {
    ws_conv2d_tiles(&p->conv, input, output, scratch, tile_lut4, p);
}
