/* One value of ADD, int8, as every kernel of it has it. */
#ifndef WS_SUM_OF_H
#define WS_SUM_OF_H

#include "ws_fixedpoint.h"
#include "ws_kernels.h"

static inline int8_t ws_sum_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    const int32_t scaled1 = ws_requantize((a + p->offset1) * unit, p->multiplier1, p->shift1);
    const int32_t scaled2 = ws_requantize((b + p->offset2) * unit, p->multiplier2, p->shift2);
    return ws_to_s8(ws_add_wrap(scaled1, scaled2), p->output_multiplier, p->output_shift,
                    p->output_offset, p->activation_min, p->activation_max);
}

#endif /* WS_SUM_OF_H */
