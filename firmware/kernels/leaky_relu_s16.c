/* LEAKY_RELU, int16: one factor from 0 up, another below, whose sign is apart. */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"

void ws_leaky_relu_s16(const ws_leaky_relu_s16_params *p, const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t x = input[i];
        const int32_t scaled = x < 0 ? p->sign * ws_requantize(x, p->multiplier, p->shift)
                                     : ws_requantize(x, p->identity_multiplier, p->identity_shift);
        output[i] = (int16_t)ws_clamp(scaled, INT16_MIN, INT16_MAX);
    }
}
