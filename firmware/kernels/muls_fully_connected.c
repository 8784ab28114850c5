/* FULLY_CONNECTED, int8, on cores with MULS only: eight units at a time, then up to four. */
#include "ws_muls.h"

#define UNITS 8
#define ROWS 4

/* At most four units from number `unit` on, whose weights are rows. */
static void some_units(const ws_fully_connected_muls_params *p, const int8_t *input, int32_t unit,
                       int32_t count, const int8_t *weights, int8_t *output) {
    const ws_muls_outputs *o = &p->outputs;
    const int8_t *rows[ROWS];
    int32_t sums[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        rows[i] = weights + (i < count ? i : count - 1) * p->depth;
    }
    ws_muls_dot_4(input, rows, p->depth, sums);
    for (int32_t i = 0; i < count; i++) {
        const ws_muls_channel *channel = &o->channels[unit + i];
        output[i] =
            ws_muls_output(channel->bias + sums[i], channel->multiplier, channel->place & 255,
                           o->output_offset, o->activation_min, o->activation_max);
    }
}

void ws_fully_connected_muls(const ws_fully_connected_muls_params *p, const int8_t *input,
                             int8_t *output) {
    const ws_muls_outputs *o = &p->outputs;
    const int32_t left = p->units - UNITS * p->groups;
    ws_muls_dense dense = {
        .weights = p->weights,
        .channels = o->channels,
        .pass = (p->depth + UNITS - 1) / UNITS * UNITS,
        .zero = o->output_offset,
        .low = o->activation_min,
        .high = o->activation_max,
        .groups = p->groups,
        .depth = p->depth,
    };
    for (int32_t row = 0; row < p->rows; row++) {
        if (dense.groups > 0) {
            dense.x = input;
            dense.output = output;
            ws_muls_dense_8(&dense);
            output += UNITS * dense.groups;
        }
        for (int32_t done = 0; done < left; done += ROWS) {
            const int32_t count = left - done < ROWS ? left - done : ROWS;
            some_units(p, input, p->units - left + done, count, p->rest + done * p->depth, output);
            output += count;
        }
        input += p->depth;
    }
}
