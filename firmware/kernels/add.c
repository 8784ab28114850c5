/* ADD, int8, with broadcasting. */
#include "ws_two_inputs.h"

#define WS_BINARY ws_add_s8
#define WS_BINARY_PARAMS ws_add_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF ws_sum_of
#include "ws_broadcast_loops.h"
