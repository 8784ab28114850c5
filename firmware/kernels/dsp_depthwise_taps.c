/*
 * DEPTHWISE_CONV_2D, int8, on the DSP instructions, tap by tap for four channels at a time: any
 * filter, stride and dilation, from four channels on. For each output position the places of what
 * its taps see are listed; outside the input that is a row of the input's zero point. Nothing is
 * copied, and neighbouring channels are read as words.
 */
#include "ws_dsp_outputs.h"
#include "ws_dsp_taps.h"

#define PLACE ((int32_t)sizeof(const int8_t *))

/* List what the output position (oy, ox) sees; returns 1 if all of it is inside. */
static int list(const ws_depthwise_taps_dsp_params *p, const int8_t *image, const int8_t *zeros,
                int32_t oy, int32_t ox, int8_t *places) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    int all = 1;
    for (int32_t fy = 0; fy < p->filter.y; fy++) {
        const int32_t y = top + fy * p->dilation.y;
        const int down = y >= 0 && y < p->input.height;
        for (int32_t fx = 0; fx < p->filter.x; fx++) {
            const int32_t x = left + fx * p->dilation.x;
            const int inside = down && x >= 0 && x < p->input.width;
            const int32_t at = inside ? (y * p->input.width + x) * p->input.channels : 0;
            ws_set_place(places, inside ? image + at : zeros);
            places += PLACE;
            all &= inside;
        }
    }
    return all;
}

/* Four channels from `channel` on whose shifts are any. */
static void quad_in_c(const ws_depthwise_taps_dsp_params *p, const ws_quads_job *job) {
    const int16_t *weights = job->weights;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t at = (i & 1) * 2 + (i >> 1), channel = job->channel + i;
        int32_t sum = 0, tap = 0;
        for (const int8_t *place = job->places; place < job->end; place += PLACE) {
            sum += ws_place(place)[channel] * weights[4 * tap++ + at];
        }
        job->output[i] = ws_dsp_output(&p->outputs, channel, 2 * sum);
    }
}

/* All channels of an output position whose taps are listed. */
static void position(const ws_depthwise_taps_dsp_params *p, const int8_t *places, int32_t taps,
                     int8_t *output) {
    const int32_t channels = p->input.channels, quads = channels / 4;
    ws_quads_job job = {
        .weights = p->weights,
        .places = places,
        .end = places + PLACE * taps,
        .channels = p->outputs.channels,
        .output = output,
        .twice = 2 * p->outputs.output_offset + 1,
        .quads = quads,
    };
    if (p->outputs.usual) {
        ws_quads(&job);
    }
    for (int32_t quad = p->outputs.usual ? quads : 0; quad * 4 < channels; quad++) {
        /* Channels that are left over are done together with some that come before them. */
        job.channel = quad < quads ? 4 * quad : channels - 4;
        job.weights = p->weights + 4 * taps * quad;
        job.channels = p->outputs.channels + job.channel;
        job.output = output + job.channel;
        job.quads = 1;
        if (p->outputs.usual) {
            ws_quads(&job);
        } else {
            quad_in_c(p, &job);
        }
    }
}

void ws_depthwise_taps_dsp(const ws_depthwise_taps_dsp_params *p, const int8_t *input,
                           int8_t *output, int8_t *scratch) {
    const int32_t channels = p->input.channels;
    const int32_t real = p->filter.y * p->filter.x, taps = real | 1;
    const int32_t outputs = p->output.height * p->output.width * channels;
    int8_t *zeros = scratch + PLACE * taps;
    memset(zeros, p->input_zero, (size_t)channels);
    ws_set_place(scratch + PLACE * (taps - 1), zeros); /* stays where the number was even */
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            int inside = 0;
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const int32_t right =
                    ox * p->stride.x - p->padding.x + (p->filter.x - 1) * p->dilation.x;
                if (inside && right < p->input.width) {
                    for (int32_t i = 0; i < real; i++) {
                        int8_t *at = scratch + PLACE * i;
                        ws_set_place(at, ws_place(at) + p->stride.x * channels);
                    }
                } else {
                    inside = list(p, input, zeros, oy, ox, scratch);
                }
                position(p, scratch, taps, output);
                output += channels;
            }
        }
        ws_bound(&p->outputs, output - outputs, outputs);
        input += p->input.height * p->input.width * channels;
    }
}
