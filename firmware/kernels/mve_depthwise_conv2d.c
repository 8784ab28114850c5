/*
 * DEPTHWISE_CONV_2D, int8, on Helium: lanes are channels. The rows that an output row sees are
 * copied to a ring in scratch memory, 16 channels of them, with padding, so that no tap is ever
 * outside; a row of the input is not read again once it is in the ring, which is what lets the
 * output be written over it.
 *
 * Eight channels at two positions share a load of weights. A product of two int8 fits int16; of
 * `group` taps even their sum does (|weights| add up to at most 255), so a tap takes one VMUL and
 * one VADD per eight products, and only groups are widened to int32.
 */
#include "ws_mve.h"

#define TAP WS_MVE_BYTES /* bytes from one column of the ring to the next */

/* Where a row of outputs is computed from, of eight channels. */
typedef struct {
    const int8_t *first; /* the ring's row of the filter's first row */
    const int8_t *begin; /* of the ring */
    const int8_t *end;
    int32_t pitch;
    const int8_t *weights; /* [taps][8] */
    const int32_t *block;
    int32_t channels; /* at most eight */
} lines;

#if WS_HAS_MVE

/* Sums of eight channels at two positions; the even channels first. */
typedef struct {
    int32x4_t evens[2];
    int32x4_t odds[2];
} sums;

static WS_INLINE void widen(sums *s, int16x8_t first, int16x8_t second) {
    s->evens[0] = vaddq_s32(s->evens[0], vmovlbq_s16(first));
    s->odds[0] = vaddq_s32(s->odds[0], vmovltq_s16(first));
    s->evens[1] = vaddq_s32(s->evens[1], vmovlbq_s16(second));
    s->odds[1] = vaddq_s32(s->odds[1], vmovltq_s16(second));
}

/* `taps` neighbours, 7 instructions each for 16 products, and 8 to widen. */
static WS_INLINE void add_group(sums *s, const int8_t *x, int32_t second, const int8_t *weights,
                                int32_t taps) {
    int16x8_t w = vldrbq_s16(weights);
    int16x8_t a = vmulq_s16(w, vldrbq_s16(x));
    int16x8_t b = vmulq_s16(w, vldrbq_s16(x + second));
    for (int32_t i = 1; i < taps; i++) {
        x += TAP;
        weights += WS_MVE_EIGHT;
        w = vldrbq_s16(weights);
        a = vaddq_s16(a, vmulq_s16(w, vldrbq_s16(x)));
        b = vaddq_s16(b, vmulq_s16(w, vldrbq_s16(x + second)));
    }
    widen(s, a, b);
}

/* Two outputs, from columns of the ring that are `second` bytes apart. */
static WS_INLINE void two_outputs(const ws_depthwise_mve_params *p, const lines *l, int32_t at,
                                  int32_t second, int8_t *output, int32_t step, int32_t three) {
    const int32x4_t zero = vdupq_n_s32(0);
    sums s = {{zero, zero}, {zero, zero}};
    const int8_t *row = l->first;
    const int8_t *weights = l->weights;
    for (int32_t y = 0; y < p->filter.y; y++) {
        const int8_t *x = row + at;
        if (three) {
            add_group(&s, x, second, weights, 3);
            weights += 3 * WS_MVE_EIGHT;
        } else {
            for (int32_t left = p->filter.x; left > 0; left -= p->group) {
                const int32_t taps = left < p->group ? left : p->group;
                add_group(&s, x, second, weights, taps);
                x += taps * TAP;
                weights += taps * WS_MVE_EIGHT;
            }
        }
        row += l->pitch;
        row = row == l->end ? l->begin : row;
    }
    const mve_pred16_t there = vctp16q((uint32_t)l->channels);
    const ws_mve_outputs *o = &p->outputs;
    vstrbq_p_s16(output, ws_mve_eight(o, l->block, s.evens[0], s.odds[0]), there);
    vstrbq_p_s16(output + step, ws_mve_eight(o, l->block, s.evens[1], s.odds[1]), there);
}

#else

static void one_output(const ws_depthwise_mve_params *p, const lines *l, int32_t at,
                       int8_t *output) {
    for (int32_t c = 0; c < l->channels; c++) {
        const int8_t *row = l->first;
        const int8_t *weights = l->weights + c;
        int32_t sum = 0;
        for (int32_t y = 0; y < p->filter.y; y++) {
            for (int32_t x = 0; x < p->filter.x; x++) {
                sum += row[at + x * TAP + c] * *weights;
                weights += WS_MVE_EIGHT;
            }
            row += l->pitch;
            row = row == l->end ? l->begin : row;
        }
        output[c] = ws_mve_output(&p->outputs, l->block, c, sum);
    }
}

static void two_outputs(const ws_depthwise_mve_params *p, const lines *l, int32_t at,
                        int32_t second, int8_t *output, int32_t step, int32_t three) {
    (void)three;
    one_output(p, l, at, output);
    one_output(p, l, at + second, output + step);
}

#endif

/* A row of outputs by twos; the last of an odd number is computed beside the one before it. */
static WS_INLINE void output_row(const ws_depthwise_mve_params *p, const lines *l, int8_t *output,
                                 int32_t three) {
    const int32_t along = p->stride.x * TAP;
    const int32_t count = p->output.x;
    const int32_t step = count > 1 ? p->output_step.x : 0;
    const int32_t second = count > 1 ? along : 0;
    for (int32_t x = 0; x < count; x += 2) {
        const int32_t first = x + 1 < count || count == 1 ? x : x - 1;
        two_outputs(p, l, first * along, second, output + first * p->output_step.x, step, three);
    }
}

/* One row of the input, or of padding, into the ring; `channels` of its 16 lanes are there. */
static void copy_row(const ws_depthwise_mve_params *p, const int8_t *image, int32_t y, int8_t *to,
                     int32_t channels) {
    const int32_t size = p->columns * TAP;
    if (y < 0 || y >= p->input.y) {
        ws_mve_fill(to, p->input_zero, size);
        return;
    }
    const int32_t before = p->padding.x * TAP;
    const int32_t inside = p->input.x * TAP;
    ws_mve_fill(to, p->input_zero, before);
    if (before + inside < size) {
        ws_mve_fill(to + before + inside, p->input_zero, size - before - inside);
    }
    to += before;
    const int8_t *from = image + y * p->input_step.y;
    const int32_t step = p->input_step.x;
    for (int32_t x = 0; x < p->input.x; x++) {
        ws_mve_copy(to, from, channels);
        to += TAP;
        from += step;
    }
}

/* At most 16 channels of an image. */
static void channels_of(const ws_depthwise_mve_params *p, const int8_t *image, int8_t *output,
                        int8_t *ring, int32_t channel) {
    const int32_t left = p->channels - channel;
    const int32_t taps = p->filter.y * p->filter.x;
    const int32_t pitch = p->columns * TAP;
    const int8_t *end = ring + p->filter.y * pitch;
    const int three = p->filter.x == 3 && p->group >= 3;
    int32_t next = -p->padding.y; /* row of the input that comes into the ring */
    int8_t *slot = ring;          /* where it goes; then it is the oldest there */
    for (int32_t y = 0; y < p->output.y; y++) {
        const int32_t rows = y * p->stride.y - p->padding.y + p->filter.y;
        for (; next < rows; next++) {
            copy_row(p, image + channel, next, slot, left < TAP ? left : TAP);
            slot += pitch;
            slot = slot == end ? ring : slot;
        }
        for (int32_t half = 0; half < TAP && half < left; half += WS_MVE_EIGHT) {
            const lines l = {
                .first = slot + half,
                .begin = ring + half,
                .end = end + half,
                .pitch = pitch,
                .weights = p->weights + (channel + half) * taps,
                .block = p->constants + (channel + half) * 3,
                .channels = left - half < WS_MVE_EIGHT ? left - half : WS_MVE_EIGHT,
            };
            int8_t *to = output + y * p->output_step.y + channel + half;
            if (three) {
                output_row(p, &l, to, 1);
            } else {
                output_row(p, &l, to, 0);
            }
        }
    }
}

void ws_depthwise_conv2d_mve(const ws_depthwise_mve_params *p, const int8_t *input, int8_t *output,
                             int8_t *scratch) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t channel = 0; channel < p->channels; channel += TAP) {
            channels_of(p, input, output, scratch, channel);
        }
        input += p->input.y * p->input.x * p->channels;
        output += p->output.y * p->output.x * p->channels;
    }
}
