/* FULLY_CONNECTED, int8, on cores with MULS only: eight units at a time, then one. */
#include "ws_muls.h"

#define UNITS 8

void ws_fully_connected_muls(const ws_fully_connected_muls_params *p, const int8_t *input,
                             int8_t *output) {
    const ws_muls_outputs *o = &p->outputs;
    const int32_t left = p->units % UNITS;
    ws_muls_dense dense = {
        .weights = p->weights,
        .channels = o->channels,
        .pass = (p->depth + UNITS - 1) / UNITS * UNITS,
        .zero = o->output_offset,
        .low = o->activation_min,
        .high = o->activation_max,
        .groups = p->units / UNITS,
        .depth = p->depth,
    };
    for (int32_t row = 0; row < p->rows; row++) {
        if (dense.groups > 0) {
            dense.x = input;
            dense.output = output;
            ws_muls_dense_8(&dense);
            output += UNITS * dense.groups;
        }
        const int8_t *weights = p->rest;
        for (int32_t unit = p->units - left; unit < p->units; unit++) {
            const ws_muls_channel *channel = &o->channels[unit];
            const int32_t sum = channel->bias + ws_muls_dot(input, weights, p->depth);
            *output++ = ws_muls_output(sum, channel->multiplier, channel->place & 255,
                                       o->output_offset, o->activation_min, o->activation_max);
            weights += p->depth;
        }
        input += p->depth;
    }
}
