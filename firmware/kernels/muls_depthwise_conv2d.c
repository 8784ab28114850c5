/*
 * DEPTHWISE_CONV_2D, int8, on cores with MULS only. One channel's plane is copied to scratch memory
 * with its padding around it; the whole plane is read before the first output is written, so both
 * may be the same memory.
 */
#include "ws_memory.h"
#include "ws_muls.h"

#define WORD 4
#define MOVED 128 /* what a value of the copy is more than it was */

/* Copy a channel into the middle of the plane; the border holds the input's zero already. */
static void copy_plane(const ws_depthwise_muls_params *p, const int8_t *channel, uint8_t *plane) {
    const int32_t step = p->input_step.x;
    const int32_t gap = p->input_step.y - p->input.x * step;
    uint8_t *to = plane + p->padding.y * p->plane.x + p->padding.x;
    for (int32_t y = 0; y < p->input.y; y++) {
        int32_t left = p->input.x;
        for (; left >= 4; left -= 4) {
            for (int32_t i = 0; i < 4; i++) {
                to[i] = (uint8_t)(*channel + MOVED);
                channel += step;
            }
            to += 4;
        }
        for (; left > 0; left--) {
            *to++ = (uint8_t)(*channel + MOVED);
            channel += step;
        }
        channel += gap;
        to += p->plane.x - p->input.x;
    }
}

void ws_depthwise_conv2d_muls(const ws_depthwise_muls_params *p, const int8_t *input,
                              int8_t *output, int8_t *scratch) {
    const int32_t taps = p->filter.y * p->filter.x;
    uint8_t *plane = (uint8_t *)scratch + WORD * taps;
    ws_muls_plane job = {
        .plane = plane,
        .weights = scratch,
        .end = scratch + WORD * taps,
        .taps = p->filter.x,
        .pitch = p->plane.x,
        .step = p->stride.x,
        .advance = p->stride.y * p->plane.x - p->output.x * p->stride.x,
        .output_step = p->output_step.x,
        .output_advance = p->output_step.y - p->output.x * p->output_step.x,
        .columns = p->output.x,
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
            copy_plane(p, input + c, plane);
            for (int32_t k = 0; k < p->multiplier; k++) {
                for (int32_t i = 0; i < taps; i++) {
                    ws_store32(scratch + WORD * i, (uint32_t)*weights++);
                }
                job.output = next++;
                job.bias = channel->bias;
                job.multiplier = channel->multiplier;
                job.shift = channel->place;
                channel++;
                ws_muls_lines(&job);
            }
        }
        input += p->input.y * p->input.x * p->channels;
        output += p->output.y * p->output.x * p->channels * p->multiplier;
    }
}
