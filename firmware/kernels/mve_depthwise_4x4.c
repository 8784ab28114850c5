/*
 * DEPTHWISE_CONV_2D, int8, with filters of at most four rows and columns, on Helium. Four rows of
 * the input, 16 channels of them, are in a strip in scratch memory: for each column and channel a
 * word with a byte per row, so that four neighbouring words are a window of 16 values and one
 * VMLADAV with the channel's 16 weights is a sum. The strip is a ring: row y of the input, counted
 * with its padding, is byte y modulo 4, and the weights are rotated to meet it.
 *
 * With three rows of taps and stride 1 two rows of outputs see the same four rows; they are
 * computed together. A row is read for the last time before one at or above it is written, so the
 * output may be where the input is.
 */
#include "ws_mve.h"
#include "ws_mve_lines.h"

#define ROWS 4 /* of a strip */

/* Put a row of the input, or of padding, into the strip; `channels` of its 16 are there. */
static void put_row(const ws_depthwise_mve_params *p, const int8_t *image, int32_t y, int8_t *strip,
                    int32_t channels) {
    int8_t *to = strip + ((y + p->padding.y) & (ROWS - 1));
    const int inside = y >= 0 && y < p->input.y;
    const int32_t begin = inside ? p->padding.x : p->columns;
    const int32_t end = inside ? p->padding.x + p->input.x : p->columns;
    const int8_t *from = inside ? image + y * p->input_step.y : image;
#if WS_HAS_MVE
    const mve_pred16_t there = vctp8q((uint32_t)channels);
    const uint8x16_t places = vidupq_n_u8(0, ROWS);
    const int8x16_t zero = vdupq_n_s8((int8_t)p->input_zero);
    for (int32_t x = 0; x < begin; x++) {
        vstrbq_scatter_offset_s8(to, places, zero);
        to += WS_MVE_COLUMN;
    }
    for (int32_t x = begin; x < end; x++) {
        vstrbq_scatter_offset_s8(to, places, vldrbq_z_s8(from, there));
        from += p->input_step.x;
        to += WS_MVE_COLUMN;
    }
    for (int32_t x = end; x < p->columns; x++) {
        vstrbq_scatter_offset_s8(to, places, zero);
        to += WS_MVE_COLUMN;
    }
#else
    for (int32_t x = 0; x < p->columns; x++) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t value =
                x >= begin && x < end ? from[(x - begin) * p->input_step.x + c] : p->input_zero;
            to[x * WS_MVE_COLUMN + c * ROWS] = (int8_t)value;
        }
    }
#endif
}

/* Weights of some channels for two rows of outputs, whose first row of taps are bytes `first` and
   `second` of the strip. */
static void rotate_weights(const int8_t *weights, int8_t *to, int32_t channels, int32_t first,
                           int32_t second) {
#if WS_HAS_MVE
    for (int32_t c = 0; c < channels; c++) { /* bytes of a word as in memory: the first is lowest */
        const uint32x4_t w = vreinterpretq_u32_s8(vldrbq_s8(weights));
        const uint32x4_t a = vorrq_u32(vshlq_r_u32(w, 8 * first), vshlq_r_u32(w, 8 * first - 32));
        const uint32x4_t b = vorrq_u32(vshlq_r_u32(w, 8 * second), vshlq_r_u32(w, 8 * second - 32));
        vstrbq_s8(to, vreinterpretq_s8_u32(a));
        vstrbq_s8(to + WS_MVE_BYTES, vreinterpretq_s8_u32(b));
        weights += WS_MVE_BYTES;
        to += 2 * WS_MVE_BYTES;
    }
#else
    for (int32_t c = 0; c < channels; c++) {
        for (int32_t i = 0; i < WS_MVE_BYTES; i++) {
            const int32_t word = i & ~(ROWS - 1);
            to[word + ((i + first) & (ROWS - 1))] = weights[i];
            to[WS_MVE_BYTES + word + ((i + second) & (ROWS - 1))] = weights[i];
        }
        weights += WS_MVE_BYTES;
        to += 2 * WS_MVE_BYTES;
    }
#endif
}

/* At most 16 channels of an image. */
static void channels_of(const ws_depthwise_mve_params *p, const int8_t *image, int8_t *output,
                        int8_t *scratch, int32_t channel) {
    const int32_t left = p->channels - channel;
    const int32_t channels = left < WS_MVE_CHANNELS ? left : WS_MVE_CHANNELS;
    const int32_t together = p->stride.y == 1 && p->filter.y < ROWS ? 2 : 1;
    int8_t *rotated = scratch;
    int8_t *strip = scratch + 2 * WS_MVE_BYTES * WS_MVE_CHANNELS;
    ws_mve_lines lines = {
        .strip = strip,
        .weights = rotated,
        .constants = p->constants + 3 * channel,
        .channels = channels,
        .outputs_twice = 2 * p->output.x,
        .advance = WS_MVE_ACROSS * p->output_step.x,
        .outputs = p->outputs,
    };
    int32_t next = -p->padding.y; /* row of the input that comes into the strip */
    for (int32_t y = 0; y < p->output.y; y += together) {
        const int32_t second = together == 2 && y + 1 < p->output.y ? 1 : 0;
        const int32_t top = y * p->stride.y;
        for (; next < top - p->padding.y + second + p->filter.y; next++) {
            put_row(p, image + channel, next, strip, channels);
        }
        /* Without a second row the first one is computed and stored twice. */
        rotate_weights(p->weights + channel * WS_MVE_BYTES, rotated, channels, top & (ROWS - 1),
                       (top + second) & (ROWS - 1));
        for (int32_t i = 0; i < WS_MVE_ACROSS; i++) {
            lines.offsets[2 * i] = (uint16_t)(i * p->output_step.x);
            lines.offsets[2 * i + 1] = (uint16_t)(i * p->output_step.x + second * p->output_step.y);
        }
        lines.output = output + y * p->output_step.y + channel;
        ws_mve_two_lines(&lines, p->stride.x);
    }
}

void ws_depthwise_4x4_mve(const ws_depthwise_mve_params *p, const int8_t *input, int8_t *output,
                          int8_t *scratch) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t channel = 0; channel < p->channels; channel += WS_MVE_CHANNELS) {
            channels_of(p, input, output, scratch, channel);
        }
        input += p->input.y * p->input.x * p->channels;
        output += p->output.y * p->output.x * p->channels;
    }
}
