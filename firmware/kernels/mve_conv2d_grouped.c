/*
 * CONV_2D with groups, int8, on Helium: a group's values are gathered from windows of bytes, eight
 * at a time, 3 instructions each, and then it is a convolution's tile.
 */
#include "ws_each_group.h"
#include "ws_mve.h"
#include "ws_mve_tile.h"

typedef struct {
    const ws_conv2d_mve_params *params;
    const uint16_t *offsets; /* of a group's values in a window, filled up to a multiple of eight */
    int32_t count;           /* of them */
    int8_t *x;
} job;

static void gather(const job *j, const int8_t *from, int8_t *to) {
#if WS_HAS_MVE
    for (int32_t i = 0; i < j->count; i += WS_MVE_EIGHT) {
        vstrbq_s16(to + i, vldrbq_gather_offset_s16(from, vldrhq_u16(j->offsets + i)));
    }
#else
    for (int32_t i = 0; i < j->count; i++) {
        to[i] = from[j->offsets[i]];
    }
#endif
}

static void group_of(const void *of, const ws_group_part *part) {
    const job *j = of;
    for (int32_t i = 0; i < part->positions; i++) {
        gather(j, part->windows + i * part->size, j->x + i * WS_MVE_BYTES * j->params->chunks);
    }
    const int32_t begin = part->group * ((part->channels + 1) & ~1);
    const ws_mve_part tile = {j->x, part->output, part->positions, begin, begin + part->channels};
    ws_mve_channels(j->params, &tile);
}

void ws_conv2d_grouped_mve(const ws_conv2d_mve_params *p, const int8_t *input, int8_t *output,
                           int8_t *scratch) {
    const ws_group_walk walk = WS_GROUP_WALK(p);
    const int32_t taps = p->filter.y * p->filter.x, step = p->input.channels;
    const int32_t depth = step / p->groups;
    int8_t *x = scratch + WS_GROUP_POSITIONS * taps * step;
    int8_t *offsets = x + WS_MVE_POSITIONS * WS_MVE_BYTES * p->chunks;
    const int32_t count = (taps * depth + WS_MVE_EIGHT - 1) & ~(WS_MVE_EIGHT - 1);
    uint16_t *next = (uint16_t *)(void *)offsets;
    memset(offsets, 0, (size_t)(2 * count));
    for (int32_t tap = 0; tap < taps; tap++) {
        for (int32_t i = 0; i < depth; i++) {
            *next++ = (uint16_t)(tap * step + i);
        }
    }
    const job j = {p, (const uint16_t *)(void *)offsets, count, x};
    ws_each_group(&walk, input, output, scratch, group_of, &j);
}
