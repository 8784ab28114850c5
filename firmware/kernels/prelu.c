/* PRELU, int8: a slope below 0 for each channel, or broadcast in any other way. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

static int8_t bent(const ws_prelu_params *p, int32_t value, int32_t slope) {
    const int32_t x = value + p->input_offset;
    if (x >= 0) {
        return ws_to_s8(x, p->above_multiplier, p->above_shift, p->output_offset, INT8_MIN,
                        INT8_MAX);
    }
    return ws_to_s8(x * (slope + p->slope_offset), p->below_multiplier, p->below_shift,
                    p->output_offset, INT8_MIN, INT8_MAX);
}

#define WS_BINARY ws_prelu_s8
#define WS_BINARY_PARAMS ws_prelu_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF bent
#include "ws_broadcast_loops.h"
