/* FULLY_CONNECTED with weights of 4 bits, as two's complement or by table; else as its namesake. */
#include <stddef.h>

#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_nibbles.h"

static WS_INLINE void dense(const ws_fully_connected_params *p, const int8_t *tables,
                            int32_t table_step, int lut, const int8_t *input, int8_t *output) {
    const int32_t row_bytes = (p->depth + 1) / 2;
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *codes = p->weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            const int8_t *table = lut ? tables + unit * table_step : NULL;
            const int32_t bias = p->bias ? p->bias[unit] : 0;
            const int32_t sum =
                ws_dot_nibbles(codes, 0, p->depth, table, lut, input, p->input_offset);
            const int32_t scale = unit * p->scale_step;
            *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[scale], p->shift[scale],
                                 p->output_offset, p->activation_min, p->activation_max);
            codes += row_bytes;
        }
        input += p->depth;
    }
}

void ws_fully_connected_s4(const ws_fully_connected_params *p, const int8_t *input,
                           int8_t *output) {
    dense(p, NULL, 0, 0, input, output);
}

void ws_fully_connected_lut4(const ws_fully_connected_lut4_params *p, const int8_t *input,
                             int8_t *output) {
    dense(&p->dense, p->tables, p->table_step, 1, input, output);
}
