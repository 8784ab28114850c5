/*
 * CONV_2D, int8, on cores with MULS only: what four output positions see (or two, which takes half
 * the scratch memory) is copied to scratch memory as int16, beside each other, and all output
 * channels read it from there.
 */
#include "ws_memory.h"
#include "ws_muls.h"
#include "ws_taps.h"

/* A kernel's number of positions and its inner loops; a value's are WS_HALF * count bytes. */
typedef struct {
    int32_t count;
    void (*multiply)(const ws_muls_tile *tile);
    void (*widen)(const ws_muls_patch *patch);
} lanes;

/* Where in the image the filter is for an output position, and what of it is inside. */
typedef struct {
    int32_t top;
    int32_t left;
    ws_taps lines;
    ws_taps columns;
    int all_columns;
} window;

static window window_at(const ws_conv2d_muls_params *p, int32_t oy, int32_t ox) {
    window w = {.top = oy * p->stride.y - p->padding.y, .left = ox * p->stride.x - p->padding.x};
    w.lines = ws_taps_inside(w.top, p->dilation.y, p->filter.y, p->input.height);
    w.columns = ws_taps_inside(w.left, p->dilation.x, p->filter.x, p->input.width);
    w.all_columns = w.columns.end - w.columns.begin == p->filter.x;
    return w;
}

/* The first value that a position sees, if any. */
static int32_t index_of(const ws_conv2d_muls_params *p, const window *w) {
    const int32_t y = w->top + w->lines.begin * p->dilation.y;
    const int32_t x = w->left + w->columns.begin * p->dilation.x;
    return (y * p->input.width + x) * p->input.channels;
}

/* Copy what is inside, a rectangle; `apart` is for both halves. */
static WS_INLINE void copy_inside(const lanes l, const ws_conv2d_muls_params *p,
                                  const int8_t *image, const window *w, int8_t *to, int32_t halves,
                                  int32_t apart) {
    const int32_t step = WS_HALF * l.count;
    const int32_t depth = p->input.channels;
    const int32_t taps = w->columns.end - w->columns.begin;
    /* Neighbouring taps are copied at once, others column by column. */
    const int32_t count = p->dilation.x == 1 ? taps * depth : depth;
    const int32_t run = p->filter.x * depth;
    ws_muls_patch patch = {
        .to = to + step * (run * w->lines.begin + w->columns.begin * depth),
        .from = image + index_of(p, w),
        .count = count,
        .rows = w->lines.end - w->lines.begin,
        .to_gap = step * (run - count),
        .from_gap = p->dilation.y * p->input.width * depth - count,
        .halves = halves,
        .apart = apart,
    };
    for (int32_t copied = 0; copied < taps * depth; copied += count) {
        l.widen(&patch);
        patch.to += step * depth;
        patch.from += p->dilation.x * depth;
    }
}

/* The input's zero point into `count` values; an upper half is 1 less beside a negative one. */
static WS_INLINE void fill(const lanes l, int32_t zero, int8_t *to, int32_t count, int32_t halves) {
    for (; count > 0; count--) {
        if (halves == WS_UPPER) {
            ws_store16(to + WS_HALF, zero - (ws_low16(ws_load32_aligned(to)) < 0));
        } else if (halves == WS_LOWER) {
            ws_store16(to, zero);
        } else {
            ws_store32(to, (uint32_t)zero * 65537u);
        }
        to += WS_HALF * l.count;
    }
}

/* What one position sees, or what two see that differ in their columns, padding around it. */
static WS_INLINE void copy_window(const lanes l, const ws_conv2d_muls_params *p,
                                  const int8_t *image, const window *w, int8_t *to, int32_t halves,
                                  int32_t apart) {
    const int32_t step = WS_HALF * l.count;
    const int32_t run = p->filter.x * p->input.channels;
    const int none = w->lines.begin >= w->lines.end || w->columns.begin >= w->columns.end;
    if (none || !w->all_columns) {
        fill(l, p->input_zero, to, p->filter.y * run, halves);
    } else {
        fill(l, p->input_zero, to, w->lines.begin * run, halves);
        fill(l, p->input_zero, to + step * w->lines.end * run, (p->filter.y - w->lines.end) * run,
             halves);
    }
    if (!none) {
        copy_inside(l, p, image, w, to, halves, apart);
    }
}

/* One position, or this and the next. */
static WS_INLINE void copy_two(const lanes l, const ws_conv2d_muls_params *p, const int8_t *image,
                               const window *w, int32_t positions, int8_t *to) {
    if (positions == 2 && w[0].top == w[1].top && w[0].all_columns && w[1].all_columns) {
        copy_window(l, p, image, w, to, WS_BOTH, index_of(p, w + 1) - index_of(p, w));
        return;
    }
    copy_window(l, p, image, w, to, WS_LOWER, 0);
    if (positions == 2) {
        copy_window(l, p, image, w + 1, to, WS_UPPER, 0);
    }
}

static WS_INLINE void convolve(const lanes l, const ws_conv2d_muls_params *p, const int8_t *input,
                               int8_t *output, int8_t *scratch) {
    const int32_t channels = p->output.channels;
    const int32_t count = p->output.height * p->output.width;
    const int32_t size = 2 * WS_HALF * l.count * p->pairs;
    ws_muls_tile tile = ws_muls_tile_of(p, scratch, l.count);
    memset(scratch, 0, (size_t)size); /* an odd number of values has one more */
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += l.count) {
            const int32_t left = count - done;
            const int32_t positions = left < l.count ? left : l.count;
            ws_muls_offsets(&tile, channels, positions);
            for (int32_t i = 0; i < positions; i += 2) {
                const int32_t copied = positions - i < 2 ? 1 : 2;
                window windows[2];
                for (int32_t k = 0; k < copied; k++) {
                    windows[k] = window_at(p, oy, ox);
                    if (++ox == p->output.width) {
                        ox = 0;
                        oy++;
                    }
                }
                copy_two(l, p, input, windows, copied, scratch + WS_HALF * i);
            }
            tile.output = output;
            l.multiply(&tile);
            output += positions * channels;
            scratch += p->scratch_step;
            tile.x += p->scratch_step;
            tile.end += p->scratch_step;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}

void ws_conv2d_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch) {
    convolve((lanes){4, ws_muls_tile_4, ws_muls_widen_4}, p, input, output, scratch);
}

void ws_conv2d_2_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                      int8_t *scratch) {
    convolve((lanes){2, ws_muls_tile_2, ws_muls_widen_2}, p, input, output, scratch);
}
