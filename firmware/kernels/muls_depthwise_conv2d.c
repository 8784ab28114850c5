/*
 * DEPTHWISE_CONV_2D, int8, on cores with MULS only. One channel's plane is copied to scratch memory
 * with its padding around it; the whole plane is read before the first output is written, so both
 * may be the same memory.
 */
#include "ws_memory.h"
#include "ws_muls.h"

#define WORD 4
#define MOVED 128 /* what a value of the copy is more than it was */

/* Copy the first of `left` columns of a channel and every so many after it. */
static WS_INLINE void copy_columns(const ws_depthwise_muls_params *p, const int8_t *from,
                                   int32_t apart, int32_t left, uint8_t *to) {
    const int32_t step = apart * p->input_step.x;
    const int32_t count = (left + apart - 1) / apart;
    const int32_t gap = p->input_step.y - count * step;
    for (int32_t y = 0; y < p->input.y; y++) {
        int32_t rest = count;
        for (; rest >= 4; rest -= 4) {
            for (int32_t i = 0; i < 4; i++) {
                to[i] = (uint8_t)(*from + MOVED);
                from += step;
            }
            to += 4;
        }
        for (; rest > 0; rest--) {
            *to++ = (uint8_t)(*from + MOVED);
            from += step;
        }
        from += gap;
        to += p->plane.x - count;
    }
}

/*
 * Copy a channel into the middle of the plane; the border holds the input's zero already. Columns
 * whose numbers leave the same rest when divided by the dilation lie beside each other, so that the
 * taps of an output do, too.
 */
static void copy_plane(const ws_depthwise_muls_params *p, const int8_t *channel, int32_t part,
                       uint8_t *plane) {
    uint8_t *row = plane + p->padding.y * p->plane.x;
    if (p->dilation.x == 1) { /* the usual case, as a loop of its own */
        copy_columns(p, channel, 1, p->input.x, row + p->padding.x);
        return;
    }
    for (int32_t i = 0; i < p->dilation.x; i++) {
        uint8_t *to = row;
        int32_t x = i - p->padding.x;
        for (; x < 0; x += p->dilation.x) {
            to++;
        }
        if (x < p->input.x) {
            copy_columns(p, channel + x * p->input_step.x, p->dilation.x, p->input.x - x, to);
        }
        row += part;
    }
}

void ws_depthwise_conv2d_muls(const ws_depthwise_muls_params *p, const int8_t *input,
                              int8_t *output, int8_t *scratch) {
    const int32_t taps = p->filter.y * p->filter.x;
    const int32_t parts = p->dilation.x, part = p->plane.x / parts;
    const int32_t fewer = p->output.x / parts, more = p->output.x % parts;
    uint8_t *plane = (uint8_t *)scratch + WORD * taps;
    ws_muls_plane job = {
        .weights = scratch,
        .end = scratch + WORD * taps,
        .taps = p->filter.x,
        .pitch = p->dilation.y * p->plane.x,
        .step = p->stride.x,
        .output_step = parts * p->output_step.x,
        .lines = p->output.y,
        .zero = p->outputs.output_offset,
        .low = p->outputs.activation_min,
        .high = p->outputs.activation_max,
    };
    memset(plane, p->input_zero + MOVED, (size_t)(p->plane.y * p->plane.x));
    for (int32_t b = 0; b < p->batches; b++) {
        const int8_t *weights = p->weights;
        const ws_muls_channel *channel = p->outputs.channels;
        int8_t *next = output;
        for (int32_t c = 0; c < p->channels; c++) {
            copy_plane(p, input + c, part, plane);
            for (int32_t k = 0; k < p->multiplier; k++) {
                for (int32_t i = 0; i < taps; i++) {
                    ws_store32(scratch + WORD * i, (uint32_t)*weights++);
                }
                job.bias = channel->bias;
                job.multiplier = channel->multiplier;
                job.shift = channel->place;
                channel++;
                for (int32_t i = 0; i < parts && i < p->output.x; i++) {
                    job.plane = plane + i * part;
                    job.output = next + i * p->output_step.x;
                    job.columns = i < more ? fewer + 1 : fewer;
                    job.advance = p->stride.y * p->plane.x - job.columns * p->stride.x;
                    job.output_advance = p->output_step.y - job.columns * job.output_step;
                    ws_muls_lines(&job);
                }
                next++;
            }
        }
        input += p->input.y * p->input.x * p->channels;
        output += p->output.y * p->output.x * p->channels * p->multiplier;
    }
}
