/* SVDF, int8: a projection of the input, what it was at the last steps, and a sum over time. */
#include "ws_dot.h"
#include "ws_fixedpoint.h"
#include "ws_kernels.h"

/* Shift one filter's memory and put the projection of the newest input at its end. */
static void remember(const ws_svdf_params *p, const int8_t *input, const int8_t *weights,
                     int8_t *memory) {
    const int32_t sum = ws_dot(input, p->input_offset, weights, p->depth);
    for (int32_t i = 1; i < p->memory; i++) {
        memory[i - 1] = memory[i];
    }
    const int32_t scaled = ws_requantize(sum, p->feature_multiplier, p->feature_shift);
    /* To 8 bits without saturation, as TFLite has it; the offset is 0 in sound models. */
    const uint32_t value = (uint32_t)(ws_clamp(scaled, INT8_MIN, INT8_MAX) + p->state_offset);
    memory[p->memory - 1] = (int8_t)(uint8_t)value;
}

void ws_svdf_s8(const ws_svdf_params *p, const int8_t *input, int8_t *state, int8_t *output) {
    for (int32_t batch = 0; batch < p->batches; batch++) {
        const int8_t *feature_weights = p->feature_weights;
        const int8_t *time_weights = p->time_weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            int32_t sum = p->bias ? p->bias[unit] : 0;
            for (int32_t i = 0; i < p->rank; i++) {
                remember(p, input, feature_weights, state);
                sum = ws_add_wrap(sum, ws_dot(state, -p->state_offset, time_weights, p->memory));
                feature_weights += p->depth;
                time_weights += p->memory;
                state += p->memory;
            }
            *output++ = ws_to_s8(sum, p->time_multiplier, p->time_shift, p->output_offset, INT8_MIN,
                                 INT8_MAX);
        }
        input += p->depth;
    }
}
