/* MAX_POOL_2D and AVERAGE_POOL_2D, int8, on Helium: lanes are channels. */
#include "ws_mve.h"
#include "ws_taps.h"

/* The rectangle of the input under one window: channel 0 of its first position, and its sides. */
typedef struct {
    const int8_t *first;
    int32_t rows;
    int32_t columns;
} rectangle;

static rectangle rectangle_at(const ws_pool2d_params *p, const int8_t *image, int32_t oy,
                              int32_t ox) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, 1, p->window.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, 1, p->window.x, p->input.width);
    rectangle r = {image, rows.end - rows.begin, columns.end - columns.begin};
    if (r.rows > 0 && r.columns > 0) {
        const int32_t position = (top + rows.begin) * p->input.width + left + columns.begin;
        r.first = image + position * p->input.channels;
    }
    return r;
}

/* Computes all channels of one output position. */
typedef void (*position)(const ws_pool2d_params *p, const rectangle *r, int8_t *output);

static WS_INLINE void all_positions(const ws_pool2d_params *p, const int8_t *input, int8_t *output,
                                    position one) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const rectangle r = rectangle_at(p, input, oy, ox);
                one(p, &r, output);
                output += p->output.channels;
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}

/* Division to the nearest integer, halves away from zero; clamped. */
static int8_t quotient(const ws_pool2d_params *p, int32_t sum, int32_t count) {
    const int32_t rounded = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    return (int8_t)ws_clamp(rounded, p->activation_min, p->activation_max);
}

#if WS_HAS_MVE

#define INT16_TERMS 255 /* as many int8 add up in int16 */

static void largest(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t channels = p->input.channels;
    const int8x16_t low = vdupq_n_s8((int8_t)p->activation_min);
    const int8x16_t high = vdupq_n_s8((int8_t)p->activation_max);
    for (int32_t c = 0; c < channels; c += WS_MVE_BYTES) {
        const mve_pred16_t there = vctp8q((uint32_t)(channels - c));
        const int8_t *row = r->first + c;
        int8x16_t best = low;
        for (int32_t y = 0; y < r->rows; y++) {
            const int8_t *x = row;
            for (int32_t i = r->columns; i > 0; i--) {
                best = vmaxq_s8(best, vldrbq_z_s8(x, there));
                x += channels;
            }
            row += p->input.width * channels;
        }
        vstrbq_p_s8(output + c, vminq_s8(best, high), there);
    }
}

/* Windows that int16 could not add are left to int32. */
static void average(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t channels = p->input.channels;
    const int32_t count = r->rows * r->columns;
    const int32_t line = p->input.width * channels;
    const int32_t lanes = count <= INT16_TERMS ? 8 : 4;
    for (int32_t c = 0; c < channels; c += lanes) {
        const uint32_t left = (uint32_t)(channels - c);
        const int8_t *row = r->first + c;
        int32_t sums[8];
        if (lanes == 8) {
            const mve_pred16_t there = vctp16q(left);
            int16x8_t sum = vdupq_n_s16(0);
            for (int32_t y = 0; y < r->rows; y++) {
                const int8_t *x = row;
                for (int32_t i = r->columns; i > 0; i--) {
                    sum = vaddq_s16(sum, vldrbq_z_s16(x, there));
                    x += channels;
                }
                row += line;
            }
            const uint32x4_t even = {0, 2, 4, 6};
            vstrwq_scatter_shifted_offset_s32(sums, even, vmovlbq_s16(sum));
            vstrwq_scatter_shifted_offset_s32(sums + 1, even, vmovltq_s16(sum));
        } else {
            const mve_pred16_t there = vctp32q(left);
            int32x4_t sum = vdupq_n_s32(0);
            for (int32_t y = 0; y < r->rows; y++) {
                const int8_t *x = row;
                for (int32_t i = r->columns; i > 0; i--) {
                    sum = vaddq_s32(sum, vldrbq_z_s32(x, there));
                    x += channels;
                }
                row += line;
            }
            vstrwq_s32(sums, sum);
        }
        for (int32_t i = 0; i < lanes && c + i < channels; i++) {
            output[c + i] = quotient(p, sums[i], count);
        }
    }
}

#else

static void largest(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t channels = p->input.channels;
    for (int32_t c = 0; c < channels; c++) {
        int32_t best = p->activation_min;
        for (int32_t y = 0; y < r->rows; y++) {
            for (int32_t x = 0; x < r->columns; x++) {
                const int32_t value = r->first[(y * p->input.width + x) * channels + c];
                best = value > best ? value : best;
            }
        }
        output[c] = (int8_t)(best < p->activation_max ? best : p->activation_max);
    }
}

static void average(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t channels = p->input.channels;
    for (int32_t c = 0; c < channels; c++) {
        int32_t sum = 0;
        for (int32_t y = 0; y < r->rows; y++) {
            for (int32_t x = 0; x < r->columns; x++) {
                sum += r->first[(y * p->input.width + x) * channels + c];
            }
        }
        output[c] = quotient(p, sum, r->rows * r->columns);
    }
}

#endif

void ws_max_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, largest);
}

void ws_average_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, average);
}
