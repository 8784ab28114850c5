/* SVDF, int8: a projection of the input, what it was at the last steps, and a sum over time. */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_rows.h"

/* Shift one filter's memory and put the projection of the newest input at its end. */
static void remember(const ws_svdf_params *p, int32_t sum, int8_t *memory) {
    for (int32_t i = 1; i < p->memory; i++) {
        memory[i - 1] = memory[i];
    }
    const int32_t scaled = ws_requantize(sum, p->feature_multiplier, p->feature_shift);
    /* To 8 bits without saturation, as TFLite has it; the offset is 0 in sound models. */
    const uint32_t value = (uint32_t)(ws_clamp(scaled, INT8_MIN, INT8_MAX) + p->state_offset);
    memory[p->memory - 1] = (int8_t)(uint8_t)value;
}

/* The newest input to the memories of all filters. */
static void project(const ws_svdf_params *p, const int8_t *input, int8_t *state) {
    const int32_t filters = p->units * p->rank;
    const int8_t *weights = p->feature_weights;
    for (int32_t filter = 0; filter < filters;) {
        int32_t sums[WS_ROWS];
        int32_t count = 1;
        if (filters - filter >= WS_ROWS) {
            count = WS_ROWS;
            ws_four_rows(input, weights, p->depth, p->depth, sums);
        } else {
            sums[0] = ws_one_row(input, weights, p->depth);
        }
        for (int32_t i = 0; i < count; i++) {
            remember(p, ws_add_wrap(p->feature_bias[filter + i], sums[i]), state);
            state += p->memory;
        }
        weights += count * p->depth;
        filter += count;
    }
}

void ws_svdf_s8(const ws_svdf_params *p, const int8_t *input, int8_t *state, int8_t *output) {
    const int32_t terms = p->rank * p->memory;
    for (int32_t batch = 0; batch < p->batches; batch++) {
        project(p, input, state);
        const int8_t *time_weights = p->time_weights;
        for (int32_t unit = 0; unit < p->units; unit++) {
            /* the memories of a unit's filters lie behind each other, and so do their weights */
            const int32_t sum = ws_add_wrap(p->bias[unit], ws_one_row(state, time_weights, terms));
            *output++ = ws_to_s8(sum, p->time_multiplier, p->time_shift, p->output_offset, INT8_MIN,
                                 INT8_MAX);
            time_weights += terms;
            state += terms;
        }
        input += p->depth;
    }
}
