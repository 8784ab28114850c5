/*
 * CONV_2D, int8, on the DSP instructions: four output positions at a time are widened into scratch
 * memory, which all output channels then read, two at a time.
 */
#include "ws_dsp.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_outputs.h"
#include "ws_memory.h"
#include "ws_taps.h"

#define POSITIONS 4
#define WORD 4
#define STEP (POSITIONS * WORD) /* bytes of scratch from one pair of a position to the next */

/* Widen `count` bytes, a multiple of 4, into every fourth word; returns where to go on. */
static int8_t *widen(int8_t *to, const int8_t *from, int32_t count) {
    for (const int8_t *end = from + count; from < end; from += 4) {
        const uint32_t word = ws_load32(from);
        ws_store32(to, ws_even_bytes(word));
        ws_store32(to + STEP, ws_odd_bytes(word));
        to += 2 * STEP;
    }
    return to;
}

/* The same for a row of taps of which values begin <= i < end are there, the rest is padding. */
static int8_t *widen_part(int8_t *to, const int8_t *row, int32_t count, int32_t begin, int32_t end,
                          int32_t zero) {
    for (int32_t i = 0; i < count; i += 4) {
        int32_t value[4];
        for (int32_t k = 0; k < 4; k++) {
            value[k] = i + k >= begin && i + k < end ? row[i + k - begin] : zero;
        }
        ws_store32(to, ws_pair(value[0], value[2]));
        ws_store32(to + STEP, ws_pair(value[1], value[3]));
        to += 2 * STEP;
    }
    return to;
}

/* What the output position (oy, ox) sees. */
static void widen_window(const ws_conv2d_dsp_params *p, const int8_t *image, int32_t oy, int32_t ox,
                         int8_t *to) {
    const int32_t depth = p->input.channels;
    const int32_t run = p->filter.x * depth;
    const int32_t filled = (run + 3) & ~3;
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps columns = ws_taps_inside(left, 1, p->filter.x, p->input.width);
    const int whole = columns.begin == 0 && columns.end == p->filter.x && filled == run;
    for (int32_t y = top; y < top + p->filter.y; y++) {
        const int inside = y >= 0 && y < p->input.height && columns.begin < columns.end;
        const int32_t first = inside ? (y * p->input.width + left + columns.begin) * depth : 0;
        if (whole && inside) {
            to = widen(to, image + first, run);
        } else {
            to = widen_part(to, image + first, filled, columns.begin * depth,
                            inside ? columns.end * depth : 0, p->input_zero);
        }
    }
}

/* Sums of two channels at four positions, b's first; a's as they come for at most WS_DSP_TERMS. */
static void sums_of(const ws_conv2d_dsp_params *p, const int8_t *x, const int16_t *weights,
                    int32_t *doubled) {
    int32_t sums[2 * POSITIONS];
    int32_t begin = 0;
    memset(doubled, 0, sizeof sums);
    do {
        const int32_t left = p->pairs - begin;
        const int32_t pairs = left > WS_DSP_TERMS / 2 ? WS_DSP_TERMS / 2 : left;
        ws_dot_4x2(x + STEP * begin, weights + 2 * begin, pairs, sums);
        for (int32_t i = 0; i < POSITIONS; i++) {
            doubled[i] += 2 * sums[i];
            doubled[i + POSITIONS] += ws_twice_a(sums[i], sums[i + POSITIONS]);
        }
        begin += pairs;
    } while (begin < p->pairs);
}

static void channel(const ws_dsp_outputs *o, int32_t index, const int32_t *doubled, int8_t *output,
                    int32_t step, int32_t positions) {
    const ws_rescale *r = &o->channels[index];
    const int32_t rounding = ws_rounding(o->output_offset, r->shift);
    for (int32_t i = 0; i < positions; i++) {
        const int32_t value = ws_rescale_s8(r, doubled[i] + r->bias, rounding);
        *output = (int8_t)ws_clamp(value, o->activation_min, o->activation_max);
        output += step;
    }
}

/* All channels of at most four positions, in C. */
static void tile(const ws_conv2d_dsp_params *p, const int8_t *x, int8_t *output,
                 int32_t positions) {
    const int32_t channels = p->output.channels;
    const int16_t *weights = p->weights;
    for (int32_t c = 0; c < channels; c += 2) {
        int32_t doubled[2 * POSITIONS];
        sums_of(p, x, weights, doubled);
        channel(&p->outputs, c, doubled, output + c, channels, positions);
        if (c + 1 < channels) {
            channel(&p->outputs, c + 1, doubled + POSITIONS, output + c + 1, channels, positions);
        }
        weights += 2 * p->pairs;
    }
}

#if WS_HAS_DSP
/* The same in assembly, for what is usual; returns 0 for what is not. */
static int usual_tile(const ws_conv2d_dsp_params *p, const int8_t *x, int8_t *output,
                      int32_t positions) {
    const int32_t channels = p->output.channels;
    const int32_t last = channels * (positions - 1);
    const ws_tile tile = {
        .weights = p->weights,
        .odd = p->pairs & 2,
        .x = x,
        .end = x + STEP * p->pairs,
        .channels = p->outputs.channels,
        .output = output,
        .offset = {positions > 1 ? channels : last, positions > 2 ? 2 * channels : last, last},
        .twice = 2 * p->outputs.output_offset + 1,
        .count = channels / 2,
    };
    if (!ws_whole_range(&p->outputs) || channels % 2 != 0 || p->pairs > WS_DSP_TERMS / 2) {
        return 0;
    }
    ws_tile_4(&tile);
    return 1;
}
#else
static int usual_tile(const ws_conv2d_dsp_params *p, const int8_t *x, int8_t *output,
                      int32_t positions) {
    (void)p;
    (void)x;
    (void)output;
    (void)positions;
    return 0;
}
#endif

void ws_conv2d_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch) {
    const int32_t count = p->output.height * p->output.width;
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += POSITIONS) {
            const int32_t positions = count - done < POSITIONS ? count - done : POSITIONS;
            for (int32_t i = 0; i < positions; i++) {
                widen_window(p, input, oy, ox, scratch + WORD * i);
                if (++ox == p->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            if (!usual_tile(p, scratch, output, positions)) {
                tile(p, scratch, output, positions);
            }
            output += positions * p->output.channels;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
