/*
 * The windows of MAX_POOL_2D and AVERAGE_POOL_2D, the same text for every type of values. A kernel
 * includes this once, after it has defined ws_pool2d_value, the type of a value.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_taps.h"

/* What of the input is under one window, at least a position: rows that are as far apart as those
 * of the input, or one row where they follow one another. */
typedef struct {
    const ws_pool2d_value *first; /* channel 0 of the first position */
    int32_t rows;
    int32_t columns;
    int32_t pitch; /* values from one row to the next */
} rectangle;

static rectangle rectangle_at(const ws_pool2d_params *p, const ws_pool2d_value *image, int32_t oy,
                              int32_t ox) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, 1, p->window.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, 1, p->window.x, p->input.width);
    const int32_t position = (top + rows.begin) * p->input.width + left + columns.begin;
    rectangle r = {
        .first = image + position * p->input.channels,
        .rows = rows.end - rows.begin,
        .columns = columns.end - columns.begin,
        .pitch = p->input.width * p->input.channels,
    };
    if (r.columns == p->input.width) {
        r.columns *= r.rows;
        r.rows = 1;
    }
    return r;
}

/* Computes all channels of one output position. */
typedef void (*position)(const ws_pool2d_params *p, const rectangle *r, ws_pool2d_value *output);

static WS_INLINE void all_positions(const ws_pool2d_params *p, const ws_pool2d_value *input,
                                    ws_pool2d_value *output, position one) {
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

/* Clamped to the activation's bounds. */
static inline ws_pool2d_value bounded(const ws_pool2d_params *p, int32_t value) {
    return (ws_pool2d_value)ws_clamp(value, p->activation_min, p->activation_max);
}

/* An average to the nearest integer, halves away from zero. */
static inline int32_t quotient(int32_t sum, int32_t count) {
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}
