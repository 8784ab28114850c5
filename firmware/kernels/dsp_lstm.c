/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM on the DSP instructions: the eight gates of two units are eight
 * channels of ws_dot_1x8, at one instruction per multiplication.
 */
#include "ws_dsp_dots.h"
#include "ws_kernels_dsp.h"
#include "ws_lstm_cell.h"

#define UNITS 2
#define SUMS (UNITS * WS_LSTM_GATES)

/* Eight sums over a row; returns the weights that follow. */
static const int16_t *row(const int8_t *x, const int16_t *weights, int32_t count, int32_t *sums) {
    const int32_t rest = count & 3, fours = count - rest;
    if (fours != 0) {
        ws_dot_1x8(x, weights, fours, sums);
    } else {
        memset(sums, 0, SUMS * sizeof *sums);
    }
    weights += SUMS / 2 * fours;
    if (rest != 0) {
        int8_t last[4] = {0}; /* the weights behind the end are 0, too */
        int32_t more[SUMS];
        memcpy(last, x + fours, (size_t)rest);
        ws_dot_1x8(last, weights, 4, more);
        weights += SUMS / 2 * 4;
        for (int32_t i = 0; i < SUMS; i++) {
            sums[i] += more[i];
        }
    }
    for (int32_t i = 0; i < SUMS; i += 2) {
        sums[i + 1] = (int32_t)((uint32_t)sums[i + 1] - (uint32_t)sums[i]) >> 8; /* exact */
    }
    return weights;
}

static void one_step(const void *params, const int8_t *input, const int8_t *hidden, uint8_t *cells,
                     int8_t *output) {
    const ws_lstm_dsp_params *p = params;
    const ws_lstm_params *l = &p->lstm;
    const int16_t *in_weights = p->input_weights, *hidden_weights = p->hidden_weights;
    for (int32_t first = 0; first < l->units; first += UNITS) {
        int32_t in_sums[SUMS], hidden_sums[SUMS];
        in_weights = row(input, in_weights, l->depth, in_sums);
        hidden_weights = row(hidden, hidden_weights, l->units, hidden_sums);
        const int32_t end = first + UNITS < l->units ? first + UNITS : l->units;
        for (int32_t unit = first; unit < end; unit++) {
            const int32_t *in = in_sums + (unit - first) * WS_LSTM_GATES;
            const int32_t *own = hidden_sums + (unit - first) * WS_LSTM_GATES;
            const int32_t index = unit * WS_LSTM_GATES;
            const ws_lstm_gate *gate = l->gates;
            const int32_t gates[WS_LSTM_GATES] = {
                ws_gate_argument(l, gate, index, in[0], own[0]),
                ws_gate_argument(l, gate + 1, index + 1, in[1], own[1]),
                ws_gate_argument(l, gate + 2, index + 2, in[2], own[2]),
                ws_gate_argument(l, gate + 3, index + 3, in[3], own[3]),
            };
            output[unit] = ws_lstm_unit(l, gates, cells + (size_t)unit * sizeof(int16_t));
        }
    }
}

void ws_lstm_dsp(const ws_lstm_dsp_params *p, const int8_t *input, int8_t *hidden, void *cell,
                 int8_t *output) {
    ws_lstm_steps(&p->lstm, one_step, p, input, hidden, cell, output);
}
