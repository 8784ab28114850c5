/*
 * CONV_2D with groups, int8, on the DSP instructions: a group's windows, of bytes, are widened, and
 * then it is a convolution's tile. Of one or two channels nothing is filled up to words: three of
 * four products would be for nothing.
 */
#include "ws_dsp_dots.h"
#include "ws_dsp_tiles.h"
#include "ws_each_group.h"
#include "ws_memory.h"

#define HALF 2

typedef struct {
    const ws_conv2d_dsp_params *params;
    int8_t *x;
} job;

/* Taps are filled up to words; what that reads meets weights of 0. */
static void widen_words(const ws_group_part *part, int8_t *to) {
    const int8_t *from = part->windows;
    const int32_t words = (part->depth + 3) / 4;
    const ws_widening widening = {
        .from = {from, from + part->size, from + 2 * part->size, from + 3 * part->size},
        .words = words,
        .rows = part->taps,
        .advance = part->step - 4 * words,
    };
    ws_widen_4(to, &widening);
}

/* Neighbouring values are pairs; behind the last one there is anything. 14 instructions each. */
static void widen_values(const ws_group_part *part, int8_t *to) {
    const int8_t *from = part->windows;
    const int32_t second = part->size, third = 2 * part->size, fourth = 3 * part->size;
    int32_t step = HALF;
    for (int32_t tap = part->taps; tap > 0; tap--) {
        for (const int8_t *end = from + part->depth; from < end; from++) {
            ws_store16(to, from[0]);
            ws_store16(to + 4, from[second]);
            ws_store16(to + 8, from[third]);
            ws_store16(to + 12, from[fourth]);
            to += step;
            step = WS_STEP - step; /* the other half, or the next pair's first one */
        }
        from += part->step - part->depth;
    }
}

static void group_of(const void *of, const ws_group_part *part) {
    const job *j = of;
    if (part->depth < WS_GROUP_DEPTH) {
        widen_values(part, j->x);
    } else {
        widen_words(part, j->x);
    }
    const int32_t begin = part->group * ((part->channels + 1) & ~1);
    const ws_tile_part tile = {j->x, part->output, part->positions, begin, begin + part->channels};
    ws_conv2d_tile(j->params, &tile);
}

void ws_conv2d_grouped_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                           int8_t *scratch) {
    const ws_group_walk walk = WS_GROUP_WALK(p);
    const int32_t windows = WS_POSITIONS * p->filter.y * p->filter.x * p->input.channels;
    const job j = {p, scratch + windows};
    ws_each_group(&walk, input, output, scratch, group_of, &j);
    const int32_t outputs = p->output.height * p->output.width * p->output.channels;
    ws_bound(&p->outputs, output, p->batches * outputs);
}
