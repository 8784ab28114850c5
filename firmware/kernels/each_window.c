/* CONV_2D, position by position, for kernels that multiply a whole window at a time. */
#include "ws_each_window.h"
#include "ws_memory.h"
#include "ws_taps.h"

/* A word from any address; by bytes on cores that would call memcpy for it. */
static WS_INLINE void copy_four(int8_t *to, const int8_t *from) {
#if defined(__ARM_ARCH) && !defined(__ARM_FEATURE_UNALIGNED)
    const int8_t first = from[0], second = from[1], third = from[2], fourth = from[3];
    to[0] = first;
    to[1] = second;
    to[2] = third;
    to[3] = fourth;
#else
    memcpy(to, from, 4);
#endif
}

/* Rows are short: a loop of words is over before memcpy has begun. */
static void copy_rows(int8_t *to, int32_t to_next, const int8_t *from, int32_t from_next,
                      int32_t count, int32_t rows) {
    const int32_t words = count & ~3;
    to_next -= count;
    from_next -= count;
    for (; rows > 0; rows--) {
        const int8_t *last = from + words, *end = from + count;
        while (from < last) {
            copy_four(to, from);
            to += 4;
            from += 4;
        }
        while (from < end) {
            *to++ = *from++;
        }
        to += to_next;
        from += from_next;
    }
}

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
        copy_rows(window + rows.begin * w->filled + columns.begin * depth, w->filled,
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
