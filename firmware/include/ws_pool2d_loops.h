/*
 * MAX_POOL_2D and AVERAGE_POOL_2D, the same text for every type of values; input and output have
 * the same scale and zero point. A kernel includes this once, after it has defined
 *   ws_pool2d_value     the type of a value,
 *   WS_POOL2D_LEAST     the least value,
 *   WS_MAX_POOL2D       the name of the function for MAX_POOL_2D,
 *   WS_AVERAGE_POOL2D   the name of that for AVERAGE_POOL_2D.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_taps.h"

/* The rectangle of the input under one window: first value, and how far it reaches. */
typedef struct {
    const ws_pool2d_value *first;
    int32_t rows;
    int32_t columns;
} rectangle;

static rectangle rectangle_at(const ws_pool2d_params *p, const ws_pool2d_value *image, int32_t oy,
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

static int32_t largest(const ws_pool2d_params *p, const rectangle *r, int32_t channel) {
    int32_t best = WS_POOL2D_LEAST;
    for (int32_t y = 0; y < r->rows; y++) {
        const ws_pool2d_value *row = r->first + y * p->input.width * p->input.channels + channel;
        for (int32_t x = 0; x < r->columns; x++) {
            const int32_t value = row[x * p->input.channels];
            best = value > best ? value : best;
        }
    }
    return best;
}

/* To the nearest integer, halves away from zero. */
static int32_t average(const ws_pool2d_params *p, const rectangle *r, int32_t channel) {
    const int32_t count = r->rows * r->columns;
    int32_t sum = 0;
    for (int32_t y = 0; y < r->rows; y++) {
        const ws_pool2d_value *row = r->first + y * p->input.width * p->input.channels + channel;
        for (int32_t x = 0; x < r->columns; x++) {
            sum += row[x * p->input.channels];
        }
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

void WS_MAX_POOL2D(const ws_pool2d_params *p, const ws_pool2d_value *input,
                   ws_pool2d_value *output) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const rectangle r = rectangle_at(p, input, oy, ox);
                for (int32_t c = 0; c < p->output.channels; c++) {
                    *output++ = (ws_pool2d_value)ws_clamp(largest(p, &r, c), p->activation_min,
                                                          p->activation_max);
                }
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}

void WS_AVERAGE_POOL2D(const ws_pool2d_params *p, const ws_pool2d_value *input,
                       ws_pool2d_value *output) {
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const rectangle r = rectangle_at(p, input, oy, ox);
                for (int32_t c = 0; c < p->output.channels; c++) {
                    *output++ = (ws_pool2d_value)ws_clamp(average(p, &r, c), p->activation_min,
                                                          p->activation_max);
                }
            }
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
