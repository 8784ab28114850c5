/*
 * CONV_2D on the DSP instructions: the walk over the output, for all kinds of weights.
 *
 * What a position sees are runs of neighbouring values, one per filter row (one per tap where the
 * columns are dilated), each filled up to a multiple of four. Where all of it lies in the image it
 * is widened four positions at a time, word by word, and what fills a run up is whatever follows
 * it: the weights there are 0. Elsewhere a position is put together by itself.
 */
#include "ws_dsp_tiles.h"

#include "ws_dsp_dots.h"

#define WORD 4

/* The same for all positions. */
typedef struct {
    int32_t run;    /* values */
    int32_t filled; /* values, with what fills it up */
    int32_t runs;   /* per filter row */
    int32_t taps;   /* per run */
    int32_t row;    /* values from one filter row to the next, in the image */
    int32_t column; /* values from one run to the next */
    ws_taps rows;   /* of the output, whose windows are inside: begin <= oy < end */
    ws_taps columns;
    int32_t last; /* the first value of the last window that can be read in whole words */
} geometry;

/* Output positions, of `count`, whose `reach` input positions lie in the input. */
static ws_taps all_inside(int32_t count, int32_t stride, int32_t padding, int32_t reach,
                          int32_t size) {
    ws_taps inside = {0, count};
    while (inside.begin < count && inside.begin * stride < padding) {
        inside.begin++;
    }
    while (inside.end > inside.begin && (inside.end - 1) * stride - padding + reach > size) {
        inside.end--;
    }
    return inside;
}

static geometry geometry_of(const ws_conv2d_dsp_params *p) {
    const int32_t depth = p->input.channels;
    const int32_t down = (p->filter.y - 1) * p->dilation.y;
    const int32_t across = (p->filter.x - 1) * p->dilation.x;
    geometry g;
    g.taps = p->dilation.x == 1 ? p->filter.x : 1;
    g.runs = p->dilation.x == 1 ? 1 : p->filter.x;
    g.run = g.taps * depth;
    g.filled = (g.run + 3) & ~3;
    g.row = p->dilation.y * p->input.width * depth;
    g.column = p->dilation.x * depth;
    g.rows = all_inside(p->output.height, p->stride.y, p->padding.y, down + 1, p->input.height);
    g.columns = all_inside(p->output.width, p->stride.x, p->padding.x, across + 1, p->input.width);
    g.last = p->input.height * p->input.width * depth -
             (down * p->input.width * depth + (g.runs - 1) * g.column + g.filled);
    if (g.filled != g.run && p->weights == 0) {
        g.last = -1; /* codes of 4 bits have no 0: what fills up must be the input's zero */
    }
    return g;
}

/*
 * Four values of a run, from the one at `at` in an image of `size` on; of them `before` at the
 * beginning and `behind` at the end (0 or less: none) are padding, that is `zero`.
 */
static uint32_t word_of(const int8_t *image, int32_t size, int32_t at, int32_t before,
                        int32_t behind, int32_t zero) {
    uint32_t word = ((uint32_t)zero & 255u) * 0x01010101u;
    if (before >= 4 || behind >= 4) {
        return word;
    }
    if (at >= 0 && at + 4 <= size) {
        uint32_t mask = before > 0 ? ~0u << 8 * before : ~0u;
        mask &= behind > 0 ? ~0u >> 8 * behind : ~0u;
        return (ws_load32(image + at) & mask) | (word & ~mask);
    }
    for (int32_t k = 0; k < 4; k++) {
        if (k >= before && k < 4 - behind) {
            word &= ~(255u << 8 * k);
            word |= ((uint32_t)image[at + k] & 255u) << 8 * k;
        }
    }
    return word;
}

static int8_t *put(int8_t *to, uint32_t word) {
    ws_store32(to, ws_even_bytes(word));
    ws_store32(to + WS_STEP, ws_odd_bytes(word));
    return to + 2 * WS_STEP;
}

/* What the output position (oy, ox) sees. */
static void widen_window(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                         int32_t oy, int32_t ox, int8_t *to) {
    const int32_t depth = p->input.channels;
    const int32_t size = p->input.height * p->input.width * depth;
    const int32_t left = ox * p->stride.x - p->padding.x;
    int32_t y = oy * p->stride.y - p->padding.y;
    for (int32_t fy = 0; fy < p->filter.y; fy++, y += p->dilation.y) {
        const int inside = y >= 0 && y < p->input.height;
        int32_t x = left;
        for (int32_t fx = 0; fx < g->runs; fx++, x += p->dilation.x) {
            ws_taps there = ws_taps_inside(x, 1, g->taps, p->input.width);
            const int32_t first = (y * p->input.width + x) * depth;
            there.begin *= depth;
            there.end = inside ? there.end * depth : there.begin;
            if (there.begin == 0 && there.end == g->filled) {
                for (int32_t i = 0; i < g->filled; i += WORD) {
                    to = put(to, ws_load32(image + first + i));
                }
                continue;
            }
            for (int32_t i = 0; i < g->filled; i += WORD) {
                to = put(to, word_of(image, size, first + i, there.begin - i, i + WORD - there.end,
                                     p->input_zero));
            }
        }
    }
}

/* The windows that begin at `first`, all of them inside. */
static void widen_windows(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                          const int32_t *first, int8_t *to) {
    ws_widening job = {
        .from = {image + first[0], image + first[1], image + first[2], image + first[3]},
        .words = g->filled / WORD,
        .rows = p->filter.y,
        .advance = g->row - g->filled,
    };
    if (g->runs == 1) {
        ws_widen_4(to, &job);
        return;
    }
    job.rows = g->runs;
    job.advance = g->column - g->filled;
    for (int32_t fy = 0; fy < p->filter.y; fy++) {
        to = ws_widen_4(to, &job);
        for (int32_t i = 0; i < WS_POSITIONS; i++) {
            job.from[i] += g->row;
        }
    }
}

void ws_tile_channel(const ws_dsp_outputs *o, int32_t index, const int32_t *doubled, int8_t *output,
                     int32_t step, int32_t positions) {
    for (int32_t i = 0; i < positions; i++) {
        *output = ws_dsp_output(o, index, doubled[i]);
        output += step;
    }
}

void ws_conv2d_tiles(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                     int8_t *scratch, ws_tile_function tile, const void *params) {
    const int32_t count = p->output.height * p->output.width;
    const int32_t depth = p->input.channels;
    const geometry g = geometry_of(p);
    int8_t *to = output;
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += WS_POSITIONS) {
            const int32_t left = count - done;
            const int32_t positions = left < WS_POSITIONS ? left : WS_POSITIONS;
            const int32_t y = oy, x = ox;
            int32_t first[WS_POSITIONS];
            int inside = 1;
            for (int32_t i = 0; i < positions; i++) {
                first[i] = ((oy * p->stride.y - p->padding.y) * p->input.width + ox * p->stride.x -
                            p->padding.x) *
                           depth;
                inside &= oy >= g.rows.begin && oy < g.rows.end && ox >= g.columns.begin &&
                          ox < g.columns.end && first[i] <= g.last;
                if (++ox == p->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            if (inside) {
                for (int32_t i = positions; i < WS_POSITIONS; i++) {
                    first[i] = first[0];
                }
                widen_windows(p, &g, input, first, scratch);
            } else {
                oy = y;
                ox = x;
                for (int32_t i = 0; i < positions; i++) {
                    widen_window(p, &g, input, oy, ox, scratch + WORD * i);
                    if (++ox == p->output.width) {
                        ox = 0;
                        oy++;
                    }
                }
            }
            tile(params, scratch, to, positions);
            to += positions * p->output.channels;
        }
        input += p->input.height * p->input.width * depth;
    }
    ws_bound(&p->outputs, output, (int32_t)(to - output));
}
