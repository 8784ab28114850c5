/* ADD, int16, with broadcasting. */
#include "ws_kernels_s16.h"
#include "ws_two_inputs.h"

static int16_t sum_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t both = ws_add_wrap(ws_first_scaled(p, a), ws_second_scaled(p, b));
    const int32_t sum = ws_requantize(both, p->output_multiplier, p->output_shift);
    return (int16_t)ws_clamp(sum, p->activation_min, p->activation_max);
}

#define WS_BINARY ws_add_s16
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int16_t
#define WS_BINARY_OF sum_of
#include "ws_broadcast_loops.h"
