/* CONV_2D with groups, four positions at a time, for kernels that multiply whole windows. */
#include "ws_each_group.h"

#include "ws_copy_rows.h"
#include "ws_memory.h"
#include "ws_taps.h"

/* What lies at the row `top` and the column `left` of the image. */
static void copy_window(const ws_group_walk *w, const int8_t *image, int32_t top, int32_t left,
                        int8_t *to) {
    const int32_t depth = w->input.channels, run = w->filter.x * depth;
    const int32_t line = w->dilation.y * w->input.width * depth;
    const ws_taps rows = ws_taps_inside(top, w->dilation.y, w->filter.y, w->input.height);
    const ws_taps columns = ws_taps_inside(left, w->dilation.x, w->filter.x, w->input.width);
    const int32_t down = rows.end - rows.begin, across = columns.end - columns.begin;
    if (down < w->filter.y || across < w->filter.x) {
        memset(to, w->input_zero, (size_t)(w->filter.y * run));
        if (down == 0 || across == 0) {
            return;
        }
    }
    const int32_t y = top + rows.begin * w->dilation.y;
    const int32_t x = left + columns.begin * w->dilation.x;
    const int8_t *from = image + (y * w->input.width + x) * depth;
    to += rows.begin * run + columns.begin * depth;
    if (w->dilation.x == 1) { /* neighbouring columns are one run */
        ws_copy_rows(to, run, from, line, across * depth, down);
        return;
    }
    for (int32_t i = 0; i < across; i++) {
        ws_copy_rows(to, run, from, line, depth, down);
        to += depth;
        from += w->dilation.x * depth;
    }
}

void ws_each_group(const ws_group_walk *w, const int8_t *input, int8_t *output, int8_t *scratch,
                   ws_group_function function, const void *params) {
    const int32_t count = w->output.height * w->output.width;
    ws_group_part first = {
        .windows = scratch,
        .taps = w->filter.y * w->filter.x,
        .step = w->input.channels,
        .depth = w->input.channels / w->groups,
        .channels = w->output.channels / w->groups,
    };
    first.size = first.taps * first.step;
    for (int32_t b = 0; b < w->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += WS_GROUP_POSITIONS) {
            const int32_t left = count - done;
            first.positions = left < WS_GROUP_POSITIONS ? left : WS_GROUP_POSITIONS;
            for (int32_t i = 0; i < first.positions; i++) {
                copy_window(w, input, oy * w->stride.y - w->padding.y,
                            ox * w->stride.x - w->padding.x, scratch + i * first.size);
                if (++ox == w->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            first.output = output;
            ws_group_part part = first;
            for (; part.group < w->groups; part.group++) {
                function(params, &part);
                part.windows += part.depth;
                part.output += part.channels;
            }
            output += first.positions * w->output.channels;
        }
        input += w->input.height * w->input.width * w->input.channels;
    }
}
