/*
 * MAX_POOL_2D and AVERAGE_POOL_2D, int8, on the DSP instructions: four channels at a time, from
 * four on; those that are left over are done together with some that come before them.
 */
#include "ws_dsp_columns.h"
#include "ws_kernels_dsp.h"

typedef int8_t ws_pool2d_value;
#include "ws_pool2d_walk.h"

/* Where the four channels begin that come after the first c ones. */
static int32_t four_from(const ws_pool2d_params *p, int32_t c) {
    const int32_t last = p->input.channels - 4;
    return c < last ? c : last;
}

/* A position is a load, SSUB8, SEL, and 3 for the loop: 6 instructions for four values. */
static void largest(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t step = p->input.channels;
    for (int32_t c = 0; c < step; c += 4) {
        const int32_t channel = four_from(p, c);
        uint32_t best = 0x80808080u;
        for (int32_t y = 0; y < r->rows; y++) {
            const int8_t *x = r->first + y * r->pitch + channel;
            for (const int8_t *end = x + r->columns * step; x < end; x += step) {
                best = ws_larger_bytes(best, ws_load32(x));
            }
        }
        for (int32_t i = 0; i < 4; i++) {
            output[channel + i] = bounded(p, (int8_t)(uint8_t)(best >> 8 * i));
        }
    }
}

static void average(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t count = r->rows * r->columns;
    for (int32_t c = 0; c < p->input.channels; c += 4) {
        const int32_t channel = four_from(p, c);
        int32_t sums[4] = {0};
        for (int32_t y = 0; y < r->rows; y++) {
            const int8_t *x = r->first + y * r->pitch + channel;
            ws_add_columns(x, p->input.channels, r->columns, sums);
        }
        for (int32_t i = 0; i < 4; i++) {
            output[channel + i] = bounded(p, quotient(sums[i], count));
        }
    }
}

void ws_max_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, largest);
}

void ws_average_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, average);
}
