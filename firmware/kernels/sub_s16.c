/* SUB, int16, with broadcasting. */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

static int16_t difference_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t unit = (int32_t)1 << p->left_shift;
    const int32_t scaled1 = ws_requantize(a * unit, p->multiplier1, p->shift1);
    const int32_t scaled2 = ws_requantize(b * unit, p->multiplier2, p->shift2);
    const int32_t difference =
        ws_requantize(ws_add_wrap(scaled1, -scaled2), p->output_multiplier, p->output_shift);
    return (int16_t)ws_clamp(difference, p->activation_min, p->activation_max);
}

#define WS_BINARY ws_sub_s16
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int16_t
#define WS_BINARY_OF difference_of
#include "ws_broadcast_loops.h"
