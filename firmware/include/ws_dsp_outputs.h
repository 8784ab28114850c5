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

/* One doubled sum of a channel to its output, which ws_bound has to follow. */
static inline int8_t ws_dsp_output(const ws_dsp_outputs *o, int32_t channel, int32_t doubled) {
    const ws_rescale *r = &o->channels[channel];
    if (r->shift < 1) {
        return ws_to_s8((doubled + r->bias) / 2, r->multiplier, -r->shift, o->output_offset,
                        INT8_MIN, INT8_MAX);
    }
    return (int8_t)ws_rescale_s8(r, doubled + r->bias, ws_rounding(o->output_offset, r->shift));
}

/* Outputs to the bounds of the activation; nothing to do where these are int8's. */
void ws_bound(const ws_dsp_outputs *o, int8_t *output, int32_t count);

#endif /* WS_DSP_OUTPUTS_H */
