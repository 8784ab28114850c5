/*
 * MAX_POOL_2D and AVERAGE_POOL_2D, the same text for every type of values; input and output have
 * the same scale and zero point. A kernel includes this once, after it has defined
 *   ws_pool2d_value     the type of a value,
 *   WS_POOL2D_LEAST     the least value,
 *   WS_MAX_POOL2D       the name of the function for MAX_POOL_2D,
 *   WS_AVERAGE_POOL2D   the name of that for AVERAGE_POOL_2D.
 */
#include "ws_pool2d_walk.h"

static void largest(const ws_pool2d_params *p, const rectangle *r, ws_pool2d_value *output) {
    for (int32_t c = 0; c < p->input.channels; c++) {
        int32_t best = WS_POOL2D_LEAST;
        for (int32_t y = 0; y < r->rows; y++) {
            const ws_pool2d_value *row = r->first + y * r->pitch + c;
            for (int32_t x = 0; x < r->columns; x++) {
                const int32_t value = row[x * p->input.channels];
                best = value > best ? value : best;
            }
        }
        output[c] = bounded(p, best);
    }
}

static void average(const ws_pool2d_params *p, const rectangle *r, ws_pool2d_value *output) {
    for (int32_t c = 0; c < p->input.channels; c++) {
        int32_t sum = 0;
        for (int32_t y = 0; y < r->rows; y++) {
            const ws_pool2d_value *row = r->first + y * r->pitch + c;
            for (int32_t x = 0; x < r->columns; x++) {
                sum += row[x * p->input.channels];
            }
        }
        output[c] = bounded(p, quotient(sum, r->rows * r->columns));
    }
}

void WS_MAX_POOL2D(const ws_pool2d_params *p, const ws_pool2d_value *input,
                   ws_pool2d_value *output) {
    all_positions(p, input, output, largest);
}

void WS_AVERAGE_POOL2D(const ws_pool2d_params *p, const ws_pool2d_value *input,
                       ws_pool2d_value *output) {
    all_positions(p, input, output, average);
}
