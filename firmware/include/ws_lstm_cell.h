/*
 * What is the same in all kernels of UNIDIRECTIONAL_SEQUENCE_LSTM: from the sums of a unit's gates
 * to its cell and output, and the walk over steps and sequences.
 */
#ifndef WS_LSTM_CELL_H
#define WS_LSTM_CELL_H

#include "ws_dsp.h"
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_memory.h"
#include "ws_sigmoid.h"

#define WS_GATE_FACTOR 3 /* a gate's argument, Q3.12, in steps of 1/24 / 2^9 or 1/48 / 2^8 */

static inline int32_t ws_clamp16(int32_t x) {
    return ws_clamp(x, INT16_MIN, INT16_MAX);
}

/* Seldom needed, and apart so that the usual way has all registers. */
static WS_NOINLINE int32_t ws_scaled_anyhow(int32_t x, int32_t multiplier, int32_t shift) {
    return ws_requantize(x, multiplier, shift);
}

/*
 * ws_requantize of half of `twice`, with a scale that has a `half`: SMMULR of twice the value is
 * ws_mul_high, and halves go away from zero as ws_rescale_s8 (ws_dsp.h) tells.
 */
static inline int32_t ws_scaled_twice(const ws_scale *s, int32_t twice) {
    const int32_t scaled = ws_mul_upper(twice, s->multiplier);
    return (scaled + (scaled >> 31) + s->half) >> s->shift;
}

/* ws_requantize; `usual`: the scale is known to have a `half`, and six instructions do. */
static WS_INLINE int32_t ws_scaled(const ws_scale *s, int32_t x, int usual) {
    if (!usual && s->half == 0) {
        return ws_scaled_anyhow(x, s->multiplier, s->shift);
    }
    return ws_scaled_twice(s, 2 * x);
}

/* A gate's argument, Q3.12, from its rescaled sums. */
static inline int32_t ws_gate_argument(int32_t from_input, int32_t from_hidden) {
    return ws_clamp16(ws_clamp16(from_input) + ws_clamp16(from_hidden));
}

/* One unit's gates, in the order of their weights, and its cell to its output; `usual`: ws_scaled.
 */
static WS_INLINE int8_t ws_lstm_unit(const ws_lstm_params *p, const int32_t *gates, uint8_t *place,
                                     int usual) {
    const uint16_t *table = p->sigmoid_table;
    const int32_t let_in = ws_sigmoid(table, gates[0] * WS_GATE_FACTOR);
    const int32_t keep = ws_sigmoid(table, gates[1] * WS_GATE_FACTOR);
    const int32_t candidate = ws_tanh(table, gates[2] * WS_GATE_FACTOR);
    const int32_t let_out = ws_sigmoid(table, gates[3] * WS_GATE_FACTOR);

    int16_t cell;
    memcpy(&cell, place, sizeof cell);
    const int32_t kept = ws_clamp16(ws_scaled(&p->forget, keep * cell, usual));
    const int32_t added = ws_clamp16(ws_scaled(&p->update, let_in * candidate, usual));
    cell = (int16_t)ws_clamp(kept + added, p->cell_min, p->cell_max);
    memcpy(place, &cell, sizeof cell);

    const int32_t argument = (cell * p->tanh_multiplier + p->tanh_half) >> p->tanh_shift;
    const int32_t scaled = ws_scaled(&p->result, ws_tanh(table, argument) * let_out, usual);
    const int32_t offset = p->output_offset;
    return (int8_t)(ws_clamp(scaled, INT8_MIN - offset, INT8_MAX - offset) + offset);
}

/* One step of one sequence; `hidden` is read only, so that every unit sees the same. */
typedef void (*ws_lstm_step)(const void *params, const int8_t *input, const int8_t *hidden,
                             uint8_t *cells, int8_t *output);

/* All steps of all sequences; `params` are what `step` wants. */
static inline void ws_lstm_steps(const ws_lstm_params *p, ws_lstm_step step, const void *params,
                                 const int8_t *input, int8_t *hidden, void *cell, int8_t *output) {
    uint8_t *cells = cell;
    for (int32_t batch = 0; batch < p->batches; batch++) {
        for (int32_t i = 0; i < p->steps; i++) {
            const int32_t row = batch * p->batch_stride + i * p->step_stride;
            int8_t *out = output + row * p->units;
            step(params, input + row * p->depth, hidden, cells, out);
            memcpy(hidden, out, (size_t)p->units);
        }
        hidden += p->units;
        cells += (size_t)p->units * sizeof(int16_t);
    }
}

#endif /* WS_LSTM_CELL_H */
