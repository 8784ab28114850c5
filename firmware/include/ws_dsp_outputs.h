/* From the sums of the DSP kernels' inner loops to int8 values in memory. */
#ifndef WS_DSP_OUTPUTS_H
#define WS_DSP_OUTPUTS_H

#include "ws_dsp.h"
#include "ws_fixedpoint.h"
#include "ws_kernels_dsp.h"

/* Twice the sum of channel a from those of b and of 256 * a + b. */
static inline int32_t ws_twice_a(int32_t b, int32_t both) {
    return (int32_t)((uint32_t)both - (uint32_t)b) >> 7;
}

/* The upper bound and lower bound of the activation are those of int8. */
static inline int ws_whole_range(const ws_dsp_outputs *o) {
    return o->activation_min == INT8_MIN && o->activation_max == INT8_MAX;
}

/* One doubled sum of a channel to its output. */
static inline int8_t ws_dsp_output(const ws_dsp_outputs *o, int32_t channel, int32_t doubled) {
    const ws_rescale *r = &o->channels[channel];
    const int32_t rounding = ws_rounding(o->output_offset, r->shift);
    const int32_t value = ws_rescale_s8(r, doubled + r->bias, rounding);
    return (int8_t)ws_clamp(value, o->activation_min, o->activation_max);
}

/* What is int8 already to an activation's bounds, where these are not those of int8. */
static inline void ws_clamp_outputs(const ws_dsp_outputs *o, int8_t *output, int32_t count) {
    if (!ws_whole_range(o)) {
        for (int32_t i = 0; i < count; i++) {
            output[i] = (int8_t)ws_clamp(output[i], o->activation_min, o->activation_max);
        }
    }
}

#endif /* WS_DSP_OUTPUTS_H */
