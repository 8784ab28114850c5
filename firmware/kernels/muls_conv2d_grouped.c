/*
 * CONV_2D with groups, int8, on cores with MULS only: a group's windows, of bytes, are put beside
 * each other as int16, and then it is a convolution's tile.
 */
#include "ws_each_group.h"
#include "ws_memory.h"
#include "ws_muls.h"

typedef struct {
    const ws_conv2d_muls_params *params;
    int8_t *x;
} job;

static void group_of(const void *of, const ws_group_part *part) {
    const job *j = of;
    /* Also positions that are not there: what they make is overwritten. */
    for (int32_t i = 0; i < WS_LANES; i += 2) {
        const ws_muls_patch patch = {
            .to = j->x + WS_HALF * i,
            .from = part->windows + i * part->size,
            .count = part->depth,
            .rows = part->taps,
            .from_gap = part->step - part->depth,
            .halves = WS_BOTH,
            .apart = part->size,
        };
        ws_muls_widen_4(&patch);
    }
    ws_muls_tile tile = ws_muls_tile_of(j->params, j->x, WS_LANES);
    tile.channels += part->group * part->channels;
    tile.count = part->channels;
    tile.output = part->output;
    ws_muls_offsets(&tile, j->params->output.channels, part->positions);
    ws_muls_tile_4(&tile);
}

void ws_conv2d_grouped_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                            int8_t *scratch) {
    const ws_group_walk walk = WS_GROUP_WALK(p);
    const int32_t windows = WS_LANES * p->filter.y * p->filter.x * p->input.channels;
    const job j = {p, scratch + windows};
    memset(j.x, 0, (size_t)(2 * WS_LANES * WS_HALF * p->pairs)); /* as in ws_conv2d_muls */
    ws_each_group(&walk, input, output, scratch, group_of, &j);
}
