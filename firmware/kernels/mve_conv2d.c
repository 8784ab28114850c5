/*
 * CONV_2D, int8, on Helium. What four output positions see of the input is copied to scratch memory
 * row by row without gaps, 3 instructions per 16 values; then ws_mve_tile_4x2 computes all channels
 * of the four. (Where memory is short there are three; then one of them is computed twice.) The
 * copy is what lets a pointwise layer write over its input.
 */
#include "ws_mve.h"
#include "ws_mve_tile.h"
#include "ws_taps.h"

/* Found once per layer; in values. */
typedef struct {
    int32_t run;     /* of a row of taps */
    int32_t line;    /* from a row of taps to the next in the input */
    int32_t reach_y; /* rows and columns from a window's first tap to behind its last */
    int32_t reach_x;
} extent;

/* A window at the input's border, with padding where its taps are outside, or with dilation. */
static void copy_part(const ws_conv2d_mve_params *p, const extent *e, const int8_t *image,
                      int32_t top, int32_t left, int8_t *to) {
    const int32_t depth = p->input.channels;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    ws_mve_fill(to, p->input_zero, p->filter.y * e->run);
    if (columns.begin >= columns.end || rows.begin >= rows.end) {
        return;
    }
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    const int8_t *from = image + (y * p->input.width + x) * depth;
    to += rows.begin * e->run + columns.begin * depth;
    const int32_t across = columns.end - columns.begin;
    for (int32_t row = rows.begin; row < rows.end; row++) {
        if (p->dilation.x == 1) { /* neighbouring columns are one run */
            ws_mve_copy(to, from, across * depth);
        } else {
            for (int32_t i = 0; i < across; i++) {
                ws_mve_copy(to + i * depth, from + i * p->dilation.x * depth, depth);
            }
        }
        to += e->run;
        from += e->line;
    }
}

/* What the output position (oy, ox) sees. Behind it up to 15 values are left as they are: they
   meet weights of 0. */
static void copy_window(const ws_conv2d_mve_params *p, const extent *e, const int8_t *image,
                        int32_t oy, int32_t ox, int8_t *to) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const int inside = top >= 0 && left >= 0 && top + e->reach_y <= p->input.height &&
                       left + e->reach_x <= p->input.width;
    if (!inside || p->dilation.x != 1) {
        copy_part(p, e, image, top, left, to);
        return;
    }
    const int8_t *from = image + (top * p->input.width + left) * p->input.channels;
    for (int32_t row = p->filter.y; row > 0; row--) {
        ws_mve_copy(to, from, e->run);
        to += e->run;
        from += e->line;
    }
}

/* A window is a position of the input and as long as its vectors: all windows are one run. */
static int is_pointwise(const ws_conv2d_mve_params *p) {
    return p->filter.y == 1 && p->filter.x == 1 && p->stride.y == 1 && p->stride.x == 1 &&
           p->input.height == p->output.height && p->input.width == p->output.width &&
           p->input.channels == WS_MVE_BYTES * p->chunks;
}

/* Inlined, because without groups most of it is known. */
static WS_INLINE void channels_of(const ws_conv2d_mve_params *p, const ws_mve_part *part) {
    const int32_t step = p->output.channels, channels = part->end - part->begin;
    ws_mve_tile tile = {
        .chunks = p->chunks,
        .weights = p->weights + part->begin * p->chunks * WS_MVE_BYTES,
        .channels = p->channels + part->begin,
        .output = part->output,
        .pairs = channels / 2,
        .outputs = p->outputs,
    };
    for (int32_t i = 0; i < WS_MVE_POSITIONS; i++) {
        const int32_t position = i < part->positions ? i : part->positions - 1;
        tile.x[i] = part->windows + WS_MVE_BYTES * p->chunks * position;
        tile.offsets[2 * i] = (uint16_t)(position * step);
        tile.offsets[2 * i + 1] = (uint16_t)(position * step + 1);
    }
    if (tile.pairs > 0) {
        ws_mve_tile_4x2(&tile);
    }
    if (channels % 2 != 0) { /* the last channel, twice to the same place */
        for (int32_t i = 0; i < WS_MVE_POSITIONS; i++) {
            tile.offsets[2 * i + 1] = tile.offsets[2 * i];
        }
        tile.weights += 2 * tile.pairs * p->chunks * WS_MVE_BYTES;
        tile.channels += channels - 1;
        tile.output += channels - 1;
        tile.pairs = 1;
        ws_mve_tile_4x2(&tile);
    }
}

void ws_mve_channels(const ws_conv2d_mve_params *p, const ws_mve_part *part) {
    channels_of(p, part);
}

void ws_conv2d_mve(const ws_conv2d_mve_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch) {
    const int32_t count = p->output.height * p->output.width;
    const int32_t size = WS_MVE_BYTES * p->chunks;
    const int pointwise = is_pointwise(p);
    const extent e = {
        .run = p->filter.x * p->input.channels,
        .line = p->dilation.y * p->input.width * p->input.channels,
        .reach_y = (p->filter.y - 1) * p->dilation.y + 1,
        .reach_x = (p->filter.x - 1) * p->dilation.x + 1,
    };
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += p->windows) {
            const int32_t left = count - done;
            const int32_t positions = left < p->windows ? left : p->windows;
            if (pointwise) {
                ws_mve_copy(scratch, input + done * size, positions * size);
            } else {
                for (int32_t i = 0; i < positions; i++) {
                    copy_window(p, &e, input, oy, ox, scratch + size * i);
                    if (++ox == p->output.width) {
                        ox = 0;
                        oy++;
                    }
                }
            }
            const ws_mve_part part = {scratch, output, positions, 0, p->output.channels};
            channels_of(p, &part);
            output += positions * p->output.channels;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
