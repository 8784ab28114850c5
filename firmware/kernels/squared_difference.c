/*
 * SQUARED_DIFFERENCE, int8, with broadcasting. Inputs are shifted left by 7 and halved at least, so
 * that their difference is below 2^15 and its square below 2^30.
 */
#include "ws_two_inputs.h"

static int8_t square_of(const ws_add_params *p, int32_t a, int32_t b) {
    const int32_t difference = ws_first_scaled(p, a) - ws_second_scaled(p, b);
    return ws_to_s8(difference * difference, p->output_multiplier, p->output_shift,
                    p->output_offset, p->activation_min, p->activation_max);
}

#define WS_BINARY ws_squared_difference_s8
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF square_of
#include "ws_broadcast_loops.h"
