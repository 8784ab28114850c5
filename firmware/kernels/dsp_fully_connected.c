/* FULLY_CONNECTED, int8, on the DSP instructions: eight units a time. */
#include "ws_dsp.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_outputs.h"
#include "ws_memory.h"

#define UNITS 8

/* Add the sums over `values` inputs, a multiple of 4 and at most a chunk, doubled. */
static const int16_t *add_eight(const int8_t *x, const int16_t *weights, int32_t values,
                                int32_t *doubled) {
    int32_t sums[UNITS];
    ws_dot_1x8(x, weights, values, sums);
    for (int32_t i = 0; i < UNITS; i += 2) {
        doubled[i] += 2 * sums[i];
        doubled[i + 1] += ws_twice_a(sums[i], sums[i + 1]);
    }
    return weights + UNITS / 2 * values;
}

/* The sums of two units over any number of fours. */
static const int16_t *add_two(const int8_t *x, const int16_t *weights, int32_t values,
                              int32_t *doubled) {
    int32_t b = 0, a = 0;
    for (int32_t i = 0; i < values; i += 4) {
        const uint32_t word = ws_load32(x + i);
        const uint32_t even = ws_even_bytes(word), odd = ws_odd_bytes(word);
        const uint32_t first = ws_load32_aligned(weights + i);
        const uint32_t second = ws_load32_aligned(weights + i + 2);
        b = ws_dot_pair(even, ws_even_bytes(first), b);
        b = ws_dot_pair(odd, ws_even_bytes(second), b);
        a = ws_dot_pair(even, first, a);
        a = ws_dot_pair(odd, second, a);
    }
    doubled[0] += 2 * b;
    doubled[1] += ws_twice_a(b, a);
    return weights + values;
}

typedef const int16_t *(*adder)(const int8_t *, const int16_t *, int32_t, int32_t *);

/* Add the sums over a row of inputs; returns the weights that follow. */
static const int16_t *add_row(adder add, const ws_fully_connected_dsp_params *p,
                              const int8_t *input, const int16_t *weights, int32_t *doubled) {
    const int32_t rest = p->depth & 3, fours = p->depth - rest;
    for (int32_t begin = 0; begin < fours; begin += p->chunk) {
        const int32_t left = fours - begin;
        weights = add(input + begin, weights, left > p->chunk ? p->chunk : left, doubled);
    }
    if (rest != 0) {
        int8_t last[4] = {0}; /* the weights behind the end are 0, too */
        memcpy(last, input + fours, (size_t)rest);
        weights = add(last, weights, 4, doubled);
    }
    return weights;
}

/* As many units of a row as ws_units_8 does; returns their number, which is a multiple of eight. */
static int32_t usual_units(const ws_fully_connected_dsp_params *p, const int8_t *input,
                           int8_t *output) {
    const int32_t units = p->units - p->units % UNITS;
    const int usual = p->outputs.usual && p->too_low->channel >= p->units;
    if (usual && units != 0 && p->depth % 4 == 0 && p->depth <= p->chunk) {
        const ws_units job = {
            .weights = p->weights,
            .x = input,
            .values = p->depth,
            .channels = p->outputs.channels,
            .output = output,
            .twice = 2 * p->outputs.output_offset + 1,
            .count = units / UNITS,
        };
        ws_units_8(&job);
        return units;
    }
    return 0;
}

void ws_fully_connected_dsp(const ws_fully_connected_dsp_params *p, const int8_t *input,
                            int8_t *output) {
    for (int32_t row = 0; row < p->rows; row++) {
        const int32_t done = usual_units(p, input, output);
        const int16_t *weights = p->weights + done * p->depth / 2;
        const ws_too_low *too_low = p->too_low; /* whatever it holds, `done` is 0 then */
        for (int32_t unit = done; unit < p->units;) {
            const int32_t left = p->units - unit;
            int32_t doubled[UNITS] = {0};
            int32_t units = left >= UNITS ? UNITS : 2;
            weights = add_row(units == UNITS ? add_eight : add_two, p, input, weights, doubled);
            for (; too_low->channel < unit + units; too_low++) {
                doubled[too_low->channel - unit] -= 512 * input[too_low->value];
            }
            units = left < units ? left : units;
            for (int32_t i = 0; i < units; i++) {
                output[unit + i] = ws_dsp_output(&p->outputs, unit + i, doubled[i]);
            }
            unit += units;
        }
        ws_bound(&p->outputs, output, p->units);
        input += p->depth;
        output += p->units;
    }
}
