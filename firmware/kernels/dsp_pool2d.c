/*
 * MAX_POOL_2D and AVERAGE_POOL_2D, int8, on the DSP instructions: four channels at a time, from
 * four on; those that are left over are done together with some that come before them.
 */
#include "ws_dsp_columns.h"
#include "ws_fixedpoint.h"
#include "ws_kernels_dsp.h"
#include "ws_taps.h"

/* What of the input is under one window, as runs of neighbouring positions. */
typedef struct {
    const int8_t *first;
    int32_t runs;
    int32_t run;   /* positions */
    int32_t pitch; /* bytes from one run to the next */
} rectangle;

static rectangle rectangle_at(const ws_pool2d_params *p, const int8_t *image, int32_t oy,
                              int32_t ox) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, 1, p->window.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, 1, p->window.x, p->input.width);
    rectangle r = {
        .first = image +
                 ((top + rows.begin) * p->input.width + left + columns.begin) * p->input.channels,
        .runs = rows.end - rows.begin,
        .run = columns.end - columns.begin,
        .pitch = p->input.width * p->input.channels,
    };
    if (r.run == p->input.width) { /* rows that are one after the other */
        r.run *= r.runs;
        r.runs = 1;
    }
    return r;
}

static void put(const ws_pool2d_params *p, int32_t value, int8_t *output) {
    *output = (int8_t)ws_clamp(value, p->activation_min, p->activation_max);
}

static void largest(const ws_pool2d_params *p, const rectangle *r, int32_t channel,
                    int8_t *output) {
    uint32_t best = 0x80808080u;
    for (int32_t y = 0; y < r->runs; y++) {
        const int8_t *x = r->first + y * r->pitch + channel;
        for (const int8_t *end = x + r->run * p->input.channels; x < end; x += p->input.channels) {
            best = ws_larger_bytes(best, ws_load32(x));
        }
    }
    for (int32_t i = 0; i < 4; i++) {
        put(p, (int8_t)(uint8_t)(best >> 8 * i), output + channel + i);
    }
}

/* To the nearest integer, halves away from zero. */
static void average(const ws_pool2d_params *p, const rectangle *r, int32_t channel,
                    int8_t *output) {
    const int32_t count = r->runs * r->run;
    int32_t sums[4] = {0};
    for (int32_t y = 0; y < r->runs; y++) {
        ws_add_columns(r->first + y * r->pitch + channel, p->input.channels, r->run, sums);
    }
    for (int32_t i = 0; i < 4; i++) {
        const int32_t half = sums[i] > 0 ? count / 2 : -(count / 2);
        put(p, (sums[i] + half) / count, output + channel + i);
    }
}

typedef void (*pool)(const ws_pool2d_params *, const rectangle *, int32_t, int8_t *);

static void pool2d(const ws_pool2d_params *p, const int8_t *input, int8_t *output, pool four) {
    const int32_t channels = p->input.channels;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const rectangle r = rectangle_at(p, input, oy, ox);
                for (int32_t c = 0; c < channels; c += 4) {
                    four(p, &r, c < channels - 4 ? c : channels - 4, output);
                }
                output += channels;
            }
        }
        input += p->input.height * p->input.width * channels;
    }
}

void ws_max_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    pool2d(p, input, output, largest);
}

void ws_average_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    pool2d(p, input, output, average);
}
