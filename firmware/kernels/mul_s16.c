/* MUL, int16, with broadcasting. A product has up to 31 bits and is never shifted left. */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

static int16_t product_of(const ws_mul_params *p, int32_t a, int32_t b) {
    const int32_t scaled = ws_requantize(a * b, p->multiplier, p->shift);
    return (int16_t)ws_clamp(scaled, p->activation_min, p->activation_max);
}

#define WS_BINARY ws_mul_s16
#define WS_BINARY_PARAMS ws_mul_params
#define WS_BINARY_VALUE int16_t
#define WS_BINARY_OF product_of
#include "ws_broadcast_loops.h"
