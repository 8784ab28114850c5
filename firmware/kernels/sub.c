/* SUB, int8, with broadcasting. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

static int8_t difference_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    const int32_t scaled1 = ws_requantize((a + p->offset1) * unit, p->multiplier1, p->shift1);
    const int32_t scaled2 = ws_requantize((b + p->offset2) * unit, p->multiplier2, p->shift2);
    return ws_to_s8(ws_add_wrap(scaled1, -scaled2), p->output_multiplier, p->output_shift,
                    p->output_offset, p->activation_min, p->activation_max);
}

#define WS_BINARY ws_sub_s8
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF difference_of
#include "ws_broadcast_loops.h"
