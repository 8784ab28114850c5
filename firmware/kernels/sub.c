/* SUB, int8, with broadcasting. */
#include "ws_two_inputs.h"

static int8_t difference_of(const ws_add_params *p, int32_t a, int32_t b) {
    return ws_to_s8(ws_add_wrap(ws_first_scaled(p, a), -ws_second_scaled(p, b)),
                    p->output_multiplier, p->output_shift, p->output_offset, p->activation_min,
                    p->activation_max);
}

#define WS_BINARY ws_sub_s8
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF difference_of
#include "ws_broadcast_loops.h"
