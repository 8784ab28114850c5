/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with int16 cells: TFLite's integer form.
 */
#include "ws_dot.h"
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_memory.h"
#include "ws_sigmoid.h"

#define GATE_FACTOR 3 /* a gate's argument, Q3.12, in steps of 1/24 / 2^9 or 1/48 / 2^8 */

static int32_t clamp16(int32_t x) {
    return ws_clamp(x, INT16_MIN, INT16_MAX);
}

/* What goes into the sigmoid or tanh of one unit's gate, Q3.12. */
static int32_t gate_argument(const ws_lstm_params *p, const ws_lstm_gate *gate, int32_t unit,
                             const int8_t *input, const int8_t *hidden) {
    const int8_t *in_weights = gate->input_weights + unit * p->depth;
    const int8_t *hidden_weights = gate->hidden_weights + unit * p->units;
    const int32_t in_sum = ws_dot(input, p->input_offset, in_weights, p->depth);
    const int32_t hidden_sum = ws_dot(hidden, p->hidden_offset, hidden_weights, p->units);
    const int32_t from_input = clamp16(ws_requantize(ws_add_wrap(gate->bias[unit], in_sum),
                                                     gate->input_multiplier, gate->input_shift));
    const int32_t from_hidden =
        clamp16(ws_requantize(hidden_sum, gate->hidden_multiplier, gate->hidden_shift));
    return clamp16(from_input + from_hidden);
}

/* One step of one sequence; `hidden` is read only, so that every unit sees the same. */
static void one_step(const ws_lstm_params *p, const int8_t *input, const int8_t *hidden,
                     uint8_t *cells, int8_t *output) {
    const uint16_t *table = p->sigmoid_table;
    for (int32_t unit = 0; unit < p->units; unit++) {
        int32_t gates[WS_LSTM_GATES];
        for (int32_t i = 0; i < WS_LSTM_GATES; i++) {
            gates[i] = gate_argument(p, &p->gates[i], unit, input, hidden);
        }
        const int32_t let_in = ws_sigmoid(table, gates[0] * GATE_FACTOR);
        const int32_t keep = ws_sigmoid(table, gates[1] * GATE_FACTOR);
        const int32_t candidate = ws_tanh(table, gates[2] * GATE_FACTOR);
        const int32_t let_out = ws_sigmoid(table, gates[3] * GATE_FACTOR);

        int16_t cell;
        memcpy(&cell, cells, sizeof cell);
        const int32_t kept =
            clamp16(ws_requantize(keep * cell, p->forget_multiplier, p->forget_shift));
        const int32_t added =
            clamp16(ws_requantize(let_in * candidate, p->update_multiplier, p->update_shift));
        cell = (int16_t)ws_clamp(kept + added, p->cell_min, p->cell_max);
        memcpy(cells, &cell, sizeof cell);
        cells += sizeof cell;

        const int32_t argument = ws_sigmoid_argument(cell, p->tanh_multiplier, p->tanh_shift);
        const int32_t bounded = ws_tanh(table, argument);
        output[unit] = ws_to_s8(bounded * let_out, p->output_multiplier, p->output_shift,
                                p->output_offset, INT8_MIN, INT8_MAX);
    }
}

void ws_lstm_s8(const ws_lstm_params *p, const int8_t *input, int8_t *hidden, void *cell,
                int8_t *output) {
    uint8_t *cells = cell;
    for (int32_t batch = 0; batch < p->batches; batch++) {
        for (int32_t step = 0; step < p->steps; step++) {
            const int32_t row = batch * p->batch_stride + step * p->step_stride;
            int8_t *out = output + row * p->units;
            one_step(p, input + row * p->depth, hidden, cells, out);
            memcpy(hidden, out, (size_t)p->units);
        }
        hidden += p->units;
        cells += (size_t)p->units * sizeof(int16_t);
    }
}
