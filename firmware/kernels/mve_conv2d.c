/*
 * CONV_2D, int8, on Helium. What four output positions see of the input is copied to scratch memory
 * row by row without gaps, 3 instructions per 16 values; then ws_mve_tile_4x2 computes all channels
 * of the four. (Where memory is short there are three; then one of them is computed twice.) The
 * copy is what lets a pointwise layer write over its input.
 */
#include "ws_mve.h"
#include "ws_mve_tile.h"
#include "ws_taps.h"

/* What the output position (oy, ox) sees. Behind it up to 15 values are left as they are: they
   meet weights of 0. */
static void copy_window(const ws_conv2d_mve_params *p, const int8_t *image, int32_t oy, int32_t ox,
                        int8_t *to) {
    const int32_t depth = p->input.channels;
    const int32_t run = p->filter.x * depth;
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t across = columns.end - columns.begin;
    if (across < p->filter.x || rows.end - rows.begin < p->filter.y) {
        ws_mve_fill(to, p->input_zero, p->filter.y * run);
    }
    if (across <= 0 || rows.begin >= rows.end) {
        return;
    }
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    const int32_t line = p->dilation.y * p->input.width * depth;
    const int8_t *from = image + (y * p->input.width + x) * depth;
    to += rows.begin * run + columns.begin * depth;
    for (int32_t row = rows.begin; row < rows.end; row++) {
        if (p->dilation.x == 1) { /* neighbouring columns are one run */
            ws_mve_copy(to, from, across * depth);
        } else {
            for (int32_t i = 0; i < across; i++) {
                ws_mve_copy(to + i * depth, from + i * p->dilation.x * depth, depth);
            }
        }
        to += run;
        from += line;
    }
}

/* A window is a position of the input and as long as its vectors: all windows are one run. */
static int is_pointwise(const ws_conv2d_mve_params *p) {
    return p->filter.y == 1 && p->filter.x == 1 && p->stride.y == 1 && p->stride.x == 1 &&
           p->input.height == p->output.height && p->input.width == p->output.width &&
           p->input.channels == WS_MVE_BYTES * p->chunks;
}

/* All channels of at most four positions, whose windows are in scratch memory. */
static void channels_of(const ws_conv2d_mve_params *p, const int8_t *windows, int8_t *output,
                        int32_t positions) {
    const int32_t channels = p->output.channels;
    ws_mve_tile tile = {
        .chunks = p->chunks,
        .weights = p->weights,
        .channels = p->channels,
        .output = output,
        .pairs = channels / 2,
        .outputs = p->outputs,
    };
    for (int32_t i = 0; i < WS_MVE_POSITIONS; i++) {
        const int32_t position = i < positions ? i : positions - 1;
        tile.x[i] = windows + WS_MVE_BYTES * p->chunks * position;
        tile.offsets[2 * i] = (uint16_t)(position * channels);
        tile.offsets[2 * i + 1] = (uint16_t)(position * channels + 1);
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

void ws_conv2d_mve(const ws_conv2d_mve_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch) {
    const int32_t count = p->output.height * p->output.width;
    const int32_t size = WS_MVE_BYTES * p->chunks;
    const int pointwise = is_pointwise(p);
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += p->windows) {
            const int32_t left = count - done;
            const int32_t positions = left < p->windows ? left : p->windows;
            if (pointwise) {
                ws_mve_copy(scratch, input + done * size, positions * size);
            } else {
                for (int32_t i = 0; i < positions; i++) {
                    copy_window(p, input, oy, ox, scratch + size * i);
                    if (++ox == p->output.width) {
                        ox = 0;
                        oy++;
                    }
                }
            }
            channels_of(p, scratch, output, positions);
            output += positions * p->output.channels;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
