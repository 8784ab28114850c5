/* FULLY_CONNECTED with weights of 4 bits; otherwise as fully_connected.c. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_nibbles.h"

void ws_fully_connected_s4(const ws_fully_connected_s4_params *params, const int8_t *input,
                           int8_t *output) {
    const ws_fully_connected_params *p = &params->dense;
    const int32_t row_bytes = (p->depth + 1) / 2;
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *codes = p->weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            const int8_t *table = ws_table_of(&params->codes, unit);
            const int32_t bias = p->bias ? p->bias[unit] : 0;
            const int32_t sum =
                table ? ws_dot_s4(codes, 0, p->depth, table, input, 1, p->input_offset)
                      : ws_dot_s4(codes, 0, p->depth, NULL, input, 1, p->input_offset);
            const int32_t scale = unit * p->scale_step;
            *output++ = ws_to_s8(ws_add_wrap(bias, sum), p->multiplier[scale], p->shift[scale],
                                 p->output_offset, p->activation_min, p->activation_max);
            codes += row_bytes;
        }
        input += p->depth;
    }
}
