/* MUL, int8, with broadcasting. A product has 17 bits and is shifted left by at most 15. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

static int8_t product_of(const ws_mul_params *p, int32_t a, int32_t b) {
    return ws_to_s8((a + p->offset1) * (b + p->offset2), p->multiplier, p->shift, p->output_offset,
                    p->activation_min, p->activation_max);
}

#define WS_BINARY ws_mul_s8
#define WS_BINARY_PARAMS ws_mul_params
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF product_of
#include "ws_broadcast_loops.h"
