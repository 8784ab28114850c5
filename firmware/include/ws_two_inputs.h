/* The inputs of ADD, SUB and SQUARED_DIFFERENCE in one scale, and one value of ADD, int8. */
#ifndef WS_TWO_INPUTS_H
#define WS_TWO_INPUTS_H

#include "ws_fixedpoint.h"
#include "ws_kernels.h"

/* The offsets of int16 are 0. */
static inline int32_t ws_first_scaled(const ws_add_params *p, int32_t a) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    return ws_requantize((a + p->offset1) * unit, p->multiplier1, p->shift1);
}

static inline int32_t ws_second_scaled(const ws_add_params *p, int32_t b) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    return ws_requantize((b + p->offset2) * unit, p->multiplier2, p->shift2);
}

static inline int8_t ws_sum_of(const ws_add_params *p, int32_t a, int32_t b) {
    return ws_to_s8(ws_add_wrap(ws_first_scaled(p, a), ws_second_scaled(p, b)),
                    p->output_multiplier, p->output_shift, p->output_offset, p->activation_min,
                    p->activation_max);
}

#endif /* WS_TWO_INPUTS_H */
