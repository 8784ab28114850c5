/*
 * DEPTHWISE_CONV_2D, int8, on the DSP instructions. One channel's plane is copied to scratch memory
 * as int16, with its padding around it. Along a row of that plane two neighbouring taps are one
 * SMLAD; with a 3x3 filter and stride 1 two neighbouring outputs share what they load.
 *
 * The whole plane is read before the first output is written, so both may be the same memory.
 */
#include "ws_dsp.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_outputs.h"
#include "ws_dsp_planes.h"
#include "ws_memory.h"

#define HALF 2
#define WORD 4

/* Copy a channel into the middle of the plane; the border holds the input's zero already. */
static void copy_plane(const ws_depthwise_dsp_params *p, const int8_t *channel, int8_t *plane) {
    const int32_t step = p->input_step.x;
    int8_t *row = plane + HALF * (p->padding.y * p->plane.x + p->padding.x);
    for (int32_t y = 0; y < p->input.y; y++) {
        const int8_t *from = channel;
        int8_t *to = row;
        int32_t left = p->input.x;
        for (; left >= 4; left -= 4) {
            ws_store16(to, *from);
            from += step;
            ws_store16(to + 1 * HALF, *from);
            from += step;
            ws_store16(to + 2 * HALF, *from);
            from += step;
            ws_store16(to + 3 * HALF, *from);
            from += step;
            to += 4 * HALF;
        }
        for (; left > 0; left--) {
            ws_store16(to, *from);
            to += HALF;
            from += step;
        }
        channel += p->input_step.y;
        row += HALF * p->plane.x;
    }
}

/*
 * Channel c with any filter, stride and shift; `pairs` holds a row's weights two by two, the last
 * with a 0 if odd.
 */
static void channel_any(const ws_depthwise_dsp_params *p, const int8_t *plane, const int8_t *pairs,
                        int32_t c, int8_t *output) {
    const int32_t across = (p->filter.x + 1) / 2;
    for (int32_t y = 0; y < p->output.y; y++) {
        const int8_t *from = plane + HALF * y * p->stride.y * p->plane.x;
        int8_t *to = output;
        for (int32_t x = 0; x < p->output.x; x++) {
            const int8_t *weights = pairs;
            const int8_t *row = from;
            int32_t sum = 0;
            for (int32_t fy = 0; fy < p->filter.y; fy++) {
                for (int32_t i = 0; i < across; i++) {
                    sum = ws_dot_pair(ws_load32(row + WORD * i), ws_load32_aligned(weights), sum);
                    weights += WORD;
                }
                row += HALF * p->plane.x;
            }
            *to = ws_dsp_output(&p->outputs, c, 2 * sum);
            to += p->output_step.x;
            from += HALF * p->stride.x;
        }
        output += p->output_step.y;
    }
}

static void pair_weights(const ws_depthwise_dsp_params *p, const int8_t *w, int8_t *pairs) {
    for (int32_t y = 0; y < p->filter.y; y++) {
        for (int32_t x = 0; x < p->filter.x; x += 2) {
            ws_store32(pairs, ws_pair(w[x], x + 1 < p->filter.x ? w[x + 1] : 0));
            pairs += WORD;
        }
        w += p->filter.x;
    }
}

/* 3x3 with stride 1. */
static void channel_3x3(const ws_depthwise_dsp_params *p, const int8_t *plane, const int8_t *w,
                        const ws_rescale *r, int8_t *output) {
    const ws_plane_3x3 lines = {
#if WS_HAS_DSP
        .weights = {ws_pair(w[0], w[1]), ws_pair(w[1], w[2]), ws_pair(w[3], w[4]),
                    ws_pair(w[4], w[5]), ws_pair(w[6], w[7]), ws_pair(w[7], w[8])},
#else
        .weights = {2 * w[0], 2 * w[1], 2 * w[2], 2 * w[3], 2 * w[4], 2 * w[5], 2 * w[6], 2 * w[7],
                    2 * w[8]},
#endif
        .plane = plane,
        .output = output,
        .pitch = HALF * p->plane.x,
        .step = p->output_step.x,
        .advance = p->output_step.y - p->output.x * p->output_step.x,
        .pairs = p->output.x / 2,
        .single = p->output.x & 1,
        .lines = p->output.y,
        .rescale = *r,
        .rounding = ws_rounding(p->outputs.output_offset, r->shift),
    };
    ws_lines_3x3(&lines);
}

#if !WS_HAS_DSP
/* Any filter and stride, four outputs at a time; bounds that are not int8's come later. */
static void channel_fours(const ws_depthwise_dsp_params *p, const int8_t *plane, const int8_t *w,
                          const ws_rescale *r, int8_t *output) {
    ws_four four = {
        .weights = w,
        .taps = p->filter.x,
        .rows = p->filter.y,
        .skip = HALF * (p->plane.x - p->filter.x),
        .rescale = *r,
        .rounding = ws_rounding(p->outputs.output_offset, r->shift),
    };
    for (int32_t y = 0; y < p->output.y; y++) {
        const int8_t *from = plane + HALF * y * p->stride.y * p->plane.x;
        int8_t *to = output;
        for (int32_t left = p->output.x; left > 0; left -= 4) {
            for (int32_t i = 1; i < 4; i++) {
                const int32_t position = i < left ? i : left - 1;
                four.from[i - 1] = HALF * p->stride.x * position;
                four.to[i - 1] = p->output_step.x * position;
            }
            ws_four_outputs(&four, from, to);
            to += 4 * p->output_step.x;
            from += 4 * HALF * p->stride.x;
        }
        output += p->output_step.y;
    }
}
#endif

/* All outputs of channel c, whose plane is copied; `pairs` has room for its weights two by two. */
static void channel(const ws_depthwise_dsp_params *p, const int8_t *plane, const int8_t *w,
                    int32_t c, int8_t *pairs, int8_t *output) {
    const ws_rescale *r = &p->outputs.channels[c];
    if (p->outputs.usual && p->filter.y == 3 && p->filter.x == 3 && p->stride.y == 1 &&
        p->stride.x == 1) {
        channel_3x3(p, plane, w, r, output);
        return;
    }
#if !WS_HAS_DSP
    if (p->outputs.usual) {
        channel_fours(p, plane, w, r, output);
        return;
    }
#endif
    pair_weights(p, w, pairs);
    channel_any(p, plane, pairs, c, output);
}

void ws_depthwise_planes(const ws_depthwise_dsp_params *p, const int8_t *input, int8_t *output,
                         int8_t *scratch, ws_channel_weights weights_of, const void *params) {
    const int32_t size = p->plane.y * p->plane.x;
    const int32_t channels = p->channels * p->multiplier;
    const int32_t outputs = p->output.y * p->output.x * channels;
    int8_t *plane = scratch;
    int8_t *pairs = plane + HALF * size;
    int8_t *decoded = pairs + WORD * p->filter.y * ((p->filter.x + 1) / 2);
    for (int32_t i = 0; i < size; i++) {
        ws_store16(plane + HALF * i, p->input_zero);
    }
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t c = 0; c < p->channels; c++) {
            copy_plane(p, input + c, plane);
            for (int32_t out = c * p->multiplier; out < (c + 1) * p->multiplier; out++) {
                const int8_t *w = weights_of(params, out, decoded);
                channel(p, plane, w, out, pairs, output + out);
            }
        }
        ws_bound(&p->outputs, output, outputs);
        input += p->input.y * p->input.x * p->channels;
        output += outputs;
    }
}

static const int8_t *stored(const void *params, int32_t channel, int8_t *decoded) {
    const ws_depthwise_dsp_params *p = params;
    (void)decoded;
    return p->weights + channel * p->filter.y * p->filter.x;
}

void ws_depthwise_conv2d_dsp(const ws_depthwise_dsp_params *p, const int8_t *input, int8_t *output,
                             int8_t *scratch) {
    ws_depthwise_planes(p, input, output, scratch, stored, p);
}
