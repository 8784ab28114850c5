/*
 * CONV_2D on the DSP instructions: the walk over the output, for all kinds of weights.
 *
 * What a position sees are runs of neighbouring values, one per filter row (one per tap where the
 * columns are dilated), each filled up to a multiple of four. Where all columns of four positions
 * lie in the image these are widened together, word by word, and what fills a run up is whatever
 * follows it: the weights there are 0. Elsewhere a position is put together by itself.
 */
#include "ws_dsp_tiles.h"

#include "ws_dsp_dots.h"

/* The same for all positions. */
typedef struct {
    int32_t run;     /* values */
    int32_t filled;  /* values, with what fills it up */
    int32_t runs;    /* per filter row */
    int32_t taps;    /* per run */
    int32_t row;     /* values from one filter row to the next, in the image */
    int32_t column;  /* values from one run to the next */
    int32_t step;    /* bytes of scratch from one filter row to the next */
    int32_t size;    /* values of the image */
    ws_taps columns; /* output columns whose windows are inside: begin <= ox < end */
} geometry;

/* What one output position sees. */
typedef struct {
    int32_t first; /* its first value's index in the image, also where that is padding */
    int32_t left;  /* its first column */
    int32_t top;   /* its first row */
} window;

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
    const int32_t across = (p->filter.x - 1) * p->dilation.x + 1;
    geometry g;
    g.taps = p->dilation.x == 1 ? p->filter.x : 1;
    g.runs = p->dilation.x == 1 ? 1 : p->filter.x;
    g.run = g.taps * depth;
    g.filled = (g.run + 3) & ~3;
    g.row = p->dilation.y * p->input.width * depth;
    g.column = p->dilation.x * depth;
    g.step = g.runs * g.filled / 4 * 2 * WS_STEP;
    g.size = p->input.height * p->input.width * depth;
    g.columns = all_inside(p->output.width, p->stride.x, p->padding.x, across, p->input.width);
    if (g.filled != g.run && p->weights == 0) {
        g.columns.end = 0; /* codes of 4 bits have no 0: what fills up must be the input's zero */
    }
    return g;
}

static ws_taps rows_at(const ws_conv2d_dsp_params *p, int32_t top) {
    return ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
}

static void put(int8_t *to, uint32_t word) {
    ws_store32(to, ws_even_bytes(word));
    ws_store32(to + WS_STEP, ws_odd_bytes(word));
}

/* Those bytes of the word at `at` that `mask` has and that are in the image. */
static uint32_t bytes_at(const int8_t *image, int32_t size, int32_t at, uint32_t mask) {
    uint32_t word = 0;
    for (int32_t k = 0; k < 4; k++) {
        if (at + k >= 0 && at + k < size) {
            word |= ((uint32_t)image[at + k] & 255u) << 8 * k;
        }
    }
    return word & mask;
}

/* Padding up to `end`. */
static int8_t *widen_padding(const ws_conv2d_dsp_params *p, int8_t *to, const int8_t *end) {
    const uint32_t zeros = ws_pair(p->input_zero, p->input_zero);
    for (; to < end; to += WS_STEP) {
        ws_store32(to, zeros);
    }
    return to;
}

/*
 * The same run, `at` in the first of them, in all filter rows that are inside; of its values begin
 * <= i < end are there, both multiples of four.
 */
static void widen_rows(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                       int32_t at, ws_taps rows, ws_taps there, int8_t *to) {
    for (int32_t fy = rows.begin; fy < rows.end; fy++) {
        int8_t *next = widen_padding(p, to, to + there.begin / 2 * WS_STEP);
        for (int32_t i = there.begin; i < there.end; i += 4) {
            put(next, ws_load32(image + (at + i)));
            next += 2 * WS_STEP;
        }
        widen_padding(p, next, to + g->filled / 2 * WS_STEP);
        at += g->row;
        to += g->step;
    }
}

/*
 * A word of a run in all filter rows that are inside, `at` in the first of them; of its values
 * `before` at the beginning and `behind` at the end (0 or less: none) are padding.
 */
static void widen_word(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                       ws_taps rows, int32_t at, int32_t before, int32_t behind, int8_t *to) {
    const uint32_t zeros = ((uint32_t)p->input_zero & 255u) * 0x01010101u;
    const int32_t last = at + (rows.end - rows.begin - 1) * g->row;
    const int8_t *end = to + (rows.end - rows.begin) * g->step;
    uint32_t mask = 0;
    if (before < 4 && behind < 4) {
        mask = before > 0 ? ~0u << 8 * before : ~0u;
        mask &= behind > 0 ? ~0u >> 8 * behind : ~0u;
    }
    if (mask == 0) {
        for (; to < end; to += g->step) {
            put(to, zeros);
        }
        return;
    }
    if (at >= 0 && last + 4 <= g->size) {
        for (const int8_t *from = image + at; to < end; from += g->row) {
            put(to, (ws_load32(from) & mask) | (zeros & ~mask));
            to += g->step;
        }
        return;
    }
    for (; to < end; to += g->step) {
        put(to, bytes_at(image, g->size, at, mask) | (zeros & ~mask));
        at += g->row;
    }
}

/* One position. */
static void widen_window(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                         const window *w, int8_t *to) {
    const int32_t depth = p->input.channels;
    const ws_taps rows = rows_at(p, w->top);
    widen_padding(p, to + rows.end * g->step, to + p->filter.y * g->step);
    to = widen_padding(p, to, to + rows.begin * g->step);
    int32_t first = w->first + rows.begin * g->row, x = w->left;
    for (int32_t fx = 0; fx < g->runs; fx++, x += p->dilation.x, first += g->column) {
        ws_taps there = ws_taps_inside(x, 1, g->taps, p->input.width);
        there.begin *= depth;
        there.end *= depth;
        if (depth % 4 == 0) {
            widen_rows(p, g, image, first, rows, there, to);
            to += g->filled / 2 * WS_STEP;
            continue;
        }
        for (int32_t i = 0; i < g->filled; i += 4) {
            widen_word(p, g, image, rows, first + i, there.begin - i, i + 4 - there.end, to);
            to += 2 * WS_STEP;
        }
    }
}

/* Four positions with the same rows, and all columns, inside. */
static void widen_windows(const ws_conv2d_dsp_params *p, const geometry *g, const int8_t *image,
                          const window *w, ws_taps rows, int8_t *to) {
    const int32_t down = rows.begin * g->row;
    ws_widening job = {
        .from = {image + (down + w[0].first), image + (down + w[1].first),
                 image + (down + w[2].first), image + (down + w[3].first)},
        .words = g->filled / 4,
        .rows = rows.end - rows.begin,
        .advance = g->row - g->filled,
    };
    if (job.rows < p->filter.y) {
        int8_t *const end = to + p->filter.y * g->step;
        for (int32_t i = 0; i < 4 * WS_POSITIONS; i += 4) {
            widen_padding(p, to + i, to + rows.begin * g->step);
            widen_padding(p, to + i + rows.end * g->step, end);
        }
        to += rows.begin * g->step;
    }
    if (g->runs == 1) {
        ws_widen_4(to, &job);
        return;
    }
    job.rows = g->runs;
    job.advance = g->column - g->filled;
    for (int32_t fy = rows.begin; fy < rows.end; fy++) {
        to = ws_widen_4(to, &job);
        for (int32_t i = 0; i < WS_POSITIONS; i++) {
            job.from[i] += g->row;
        }
    }
}

void ws_tile_two_channels(const ws_conv2d_dsp_params *p, const ws_tile_part *part, int32_t c,
                          const int32_t *doubled) {
    for (int32_t k = c; k < c + 2 && k < part->end; k++) {
        int8_t *to = part->output + (k - part->begin);
        for (int32_t i = 0; i < part->positions; i++) {
            *to = ws_dsp_output(&p->outputs, k, doubled[i]);
            to += p->output.channels;
        }
        doubled += WS_POSITIONS;
    }
}

void ws_conv2d_tiles(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                     int8_t *scratch, ws_tile_function tile, const void *params) {
    const int32_t count = p->output.height * p->output.width, depth = p->input.channels;
    const geometry g = geometry_of(p);
    int8_t *to = output;
    for (int32_t b = 0; b < p->batches; b++) {
        window next = {0, 0, -p->padding.y - p->stride.y};
        ws_taps rows = {0, 0};
        int32_t ox = p->output.width - 1, last = 0; /* of what can be read in whole words */
        for (int32_t done = 0; done < count; done += WS_POSITIONS) {
            const int32_t left = count - done;
            const int32_t positions = left < WS_POSITIONS ? left : WS_POSITIONS;
            window w[WS_POSITIONS];
            int together = 1;
            for (int32_t i = 0; i < positions; i++) {
                next.left += p->stride.x;
                next.first += p->stride.x * depth;
                if (++ox == p->output.width) {
                    const ws_taps above = rows;
                    ox = 0;
                    next.left = -p->padding.x;
                    next.top += p->stride.y;
                    next.first = (next.top * p->input.width + next.left) * depth;
                    rows = rows_at(p, next.top);
                    last = g.size - ((rows.end - 1) * g.row + (g.runs - 1) * g.column + g.filled);
                    last = rows.begin < rows.end ? last : INT32_MIN;
                    together &= i == 0 || (rows.begin == above.begin && rows.end == above.end);
                }
                together &= ox >= g.columns.begin && ox < g.columns.end && next.first <= last;
                w[i] = next;
            }
            if (together) {
                for (int32_t i = positions; i < WS_POSITIONS; i++) {
                    w[i] = w[0];
                }
                widen_windows(p, &g, input, w, rows, scratch);
            } else {
                for (int32_t i = 0; i < positions; i++) {
                    widen_window(p, &g, input, &w[i], scratch + 4 * i);
                }
            }
            const ws_tile_part part = {scratch, to, positions, 0, p->output.channels};
            tile(params, &part);
            to += positions * p->output.channels;
            scratch += p->scratch_step;
        }
        input += g.size;
    }
    ws_bound(&p->outputs, output, (int32_t)(to - output));
}
