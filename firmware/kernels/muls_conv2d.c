/*
 * CONV_2D, int8, on cores with MULS only: what four output positions see is copied to scratch
 * memory as int16, beside each other, and all output channels read it from there.
 */
#include "ws_memory.h"
#include "ws_muls.h"
#include "ws_taps.h"

#define HALF 2
#define STEP (HALF * WS_LANES) /* bytes of scratch from a value of a position to its next */

/*
 * What an output position sees whose filter begins at (top, left) of the image. What is inside the
 * image is a rectangle; where that is not all, padding is there first.
 */
static void copy_window(const ws_conv2d_muls_params *p, const int8_t *image, int32_t top,
                        int32_t left, int8_t *to, int32_t upper) {
    const int32_t depth = p->input.channels;
    const int32_t pitch = p->input.width * depth;
    const int32_t run = STEP * p->filter.x * depth;
    const ws_taps lines = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t rows = lines.end - lines.begin, taps = columns.end - columns.begin;
    if (rows < p->filter.y || taps < p->filter.x) {
        for (int8_t *at = to; at != to + run * p->filter.y; at += STEP) {
            ws_muls_put(at, p->input_zero, upper);
        }
        if (rows <= 0 || taps <= 0) {
            return;
        }
    }
    /* Neighbouring taps are copied at once, others column by column. */
    const int32_t count = p->dilation.x == 1 ? taps * depth : depth;
    ws_muls_patch patch = {
        .to = to + run * lines.begin + STEP * columns.begin * depth,
        .from = image + (top + lines.begin * p->dilation.y) * pitch +
                (left + columns.begin * p->dilation.x) * depth,
        .count = count,
        .rows = rows,
        .to_gap = run - STEP * count,
        .from_gap = p->dilation.y * pitch - count,
        .upper = upper,
    };
    for (int32_t copied = 0; copied < taps * depth; copied += count) {
        ws_muls_widen(&patch);
        patch.to += STEP * depth;
        patch.from += p->dilation.x * depth;
    }
}

void ws_conv2d_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch) {
    const int32_t channels = p->output.channels;
    const int32_t count = p->output.height * p->output.width;
    ws_muls_tile tile = {
        .x = scratch,
        .end = scratch + 2 * STEP * p->pairs,
        .weights = p->weights,
        .channels = p->outputs.channels,
        .zero = p->outputs.output_offset,
        .low = p->outputs.activation_min,
        .high = p->outputs.activation_max,
        .count = channels,
        .skip = -p->pairs & 3,
    };
    memset(scratch, 0, (size_t)(2 * STEP * p->pairs)); /* an odd number of values has one more */
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += WS_LANES) {
            const int32_t left = count - done;
            const int32_t positions = left < WS_LANES ? left : WS_LANES;
            for (int32_t i = 0; i < positions; i++) {
                copy_window(p, input, oy * p->stride.y - p->padding.y,
                            ox * p->stride.x - p->padding.x, scratch + 2 * HALF * (i / 2), i % 2);
                if (i > 0) {
                    tile.offset[i - 1] = i * channels;
                }
                if (++ox == p->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            /* Positions that are not there are written below the last one that is. */
            for (int32_t i = positions; i < WS_LANES; i++) {
                tile.offset[i - 1] = (positions - 1) * channels;
            }
            tile.output = output;
            ws_muls_tile_4(&tile);
            output += positions * channels;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
