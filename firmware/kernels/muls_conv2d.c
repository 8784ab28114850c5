/*
 * CONV_2D, int8, on cores with MULS only: what four output positions see is copied to scratch
 * memory as int16, beside each other, and all output channels read it from there.
 */
#include "ws_memory.h"
#include "ws_muls.h"
#include "ws_taps.h"

#define HALF 2
#define STEP (HALF * WS_LANES) /* bytes of scratch from a value of a position to its next */

static int8_t *fill(int8_t *to, int32_t value, int32_t count) {
    for (int8_t *end = to + STEP * count; to != end; to += STEP) {
        ws_store16(to, value);
    }
    return to;
}

static int8_t *copy(int8_t *to, const int8_t *from, int32_t count) {
    ws_muls_widen(to, from, count);
    return to + STEP * count;
}

/* Where a window begins, which of its columns are inside, and how it is copied. */
typedef struct {
    int32_t top;
    int32_t left;
    ws_taps columns;
} window;

/* A row of taps, which is inside: its padding on the left, what is there, padding on the right. */
static int8_t *copy_row(const ws_conv2d_muls_params *p, const int8_t *row, const window *w,
                        int8_t *to) {
    const int32_t depth = p->input.channels;
    const int32_t inside = w->columns.end - w->columns.begin;
    to = fill(to, p->input_zero, w->columns.begin * depth);
    row += (w->left + w->columns.begin * p->dilation.x) * depth;
    if (p->dilation.x == 1) {
        to = copy(to, row, inside * depth);
    } else {
        for (int32_t i = 0; i < inside; i++) {
            to = copy(to, row, depth);
            row += p->dilation.x * depth;
        }
    }
    return fill(to, p->input_zero, (p->filter.x - w->columns.end) * depth);
}

/* What the output position (oy, ox) sees. */
static void copy_window(const ws_conv2d_muls_params *p, const int8_t *image, int32_t oy, int32_t ox,
                        int8_t *to) {
    const int32_t pitch = p->input.width * p->input.channels;
    window w = {oy * p->stride.y - p->padding.y, ox * p->stride.x - p->padding.x, {0, 0}};
    w.columns = ws_taps_inside(w.left, p->dilation.x, p->filter.x, p->input.width);
    for (int32_t fy = 0; fy < p->filter.y; fy++) {
        const int32_t y = w.top + fy * p->dilation.y;
        if (y >= 0 && y < p->input.height && w.columns.begin < w.columns.end) {
            to = copy_row(p, image + y * pitch, &w, to);
        } else {
            to = fill(to, p->input_zero, p->filter.x * p->input.channels);
        }
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
                copy_window(p, input, oy, ox, scratch + HALF * i);
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
