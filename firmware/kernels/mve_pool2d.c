/* MAX_POOL_2D and AVERAGE_POOL_2D, int8, on Helium: lanes are channels. */
#include "ws_mve.h"

typedef int8_t ws_pool2d_value;

#if WS_HAS_MVE

#include "ws_pool2d_walk.h"

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
            row += r->pitch;
        }
        vstrbq_p_s8(output + c, vminq_s8(best, high), there);
    }
}

/* Windows that int16 could not add are left to int32. */
static void average(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    const int32_t channels = p->input.channels;
    const int32_t count = r->rows * r->columns;
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
                row += r->pitch;
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
                row += r->pitch;
            }
            vstrwq_s32(sums, sum);
        }
        for (int32_t i = 0; i < lanes && c + i < channels; i++) {
            output[c + i] = bounded(p, quotient(sums[i], count));
        }
    }
}

void ws_max_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, largest);
}

void ws_average_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, average);
}

#else

#define WS_POOL2D_LEAST INT8_MIN
#define WS_MAX_POOL2D ws_max_pool2d_mve
#define WS_AVERAGE_POOL2D ws_average_pool2d_mve
#include "ws_pool2d_loops.h"

#endif
