/* CONV_2D, position by position, for kernels that multiply a whole window at a time. */
#include "ws_copy_rows.h"
#include "ws_each_window.h"
#include "ws_memory.h"
#include "ws_taps.h"

/*
 * What lies at the row `top` and the column `left` of the image, with `rows` of it inside. Padding
 * above, below and to the left is there since the beginning of the row of outputs: nothing was
 * written where it still is.
 */
static void copy_window(const ws_window_walk *w, const int8_t *image, int32_t top, ws_taps rows,
                        int32_t left, int8_t *window) {
    const int32_t depth = w->input.channels;
    const int32_t line = w->input.width * depth;
    const ws_taps columns = ws_taps_inside(left, 1, w->filter.x, w->input.width);
    if (columns.end < w->filter.x) {
        memset(window, w->input_zero, (size_t)(w->filter.y * w->filled));
    }
    if (columns.begin < columns.end && rows.begin < rows.end) {
        ws_copy_rows(window + rows.begin * w->filled + columns.begin * depth, w->filled,
                     image + (top + rows.begin) * line + (left + columns.begin) * depth, line,
                     (columns.end - columns.begin) * depth, rows.end - rows.begin);
    }
}

void ws_each_window(const ws_window_walk *w, const int8_t *input, int8_t *output, int8_t *scratch,
                    ws_window_function function, const void *params) {
    for (int32_t b = 0; b < w->batches; b++) {
        for (int32_t oy = 0; oy < w->output.height; oy++) {
            const int32_t top = oy * w->stride.y - w->padding.y;
            const ws_taps rows = ws_taps_inside(top, 1, w->filter.y, w->input.height);
            memset(scratch, w->input_zero, (size_t)(w->filter.y * w->filled));
            for (int32_t ox = 0; ox < w->output.width; ox++) {
                copy_window(w, input, top, rows, ox * w->stride.x - w->padding.x, scratch);
                function(params, scratch, output);
                output += w->output.channels;
            }
        }
        input += w->input.height * w->input.width * w->input.channels;
    }
}
