/* UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with int16 cells: TFLite's integer form. */
#include "ws_lstm_cell.h"
#include "ws_rows.h"

/* Unit by unit: the four gates of a unit are four rows of weights. */
static void one_step(const void *params, const int8_t *input, const int8_t *hidden, uint8_t *cells,
                     int8_t *output) {
    const ws_lstm_params *p = params;
    const int8_t *in_weights = p->input_weights, *hidden_weights = p->hidden_weights;
    for (int32_t unit = 0; unit < p->units; unit++) {
        int32_t in_sums[WS_LSTM_GATES], hidden_sums[WS_LSTM_GATES], gates[WS_LSTM_GATES];
        ws_four_rows(input, in_weights, p->depth, p->depth, in_sums);
        ws_four_rows(hidden, hidden_weights, p->units, p->units, hidden_sums);
        for (int32_t i = 0; i < WS_LSTM_GATES; i++) {
            const int32_t index = unit * WS_LSTM_GATES + i;
            const int32_t in = ws_add_wrap(p->input_bias[index], in_sums[i]);
            const int32_t own = ws_add_wrap(p->hidden_bias[index], hidden_sums[i]);
            gates[i] = ws_gate_argument(ws_scaled(&p->gates[i].input, in, 0),
                                        ws_scaled(&p->gates[i].hidden, own, 0));
        }
        output[unit] = ws_lstm_unit(p, gates, cells + (size_t)unit * sizeof(int16_t), 0);
        in_weights += WS_LSTM_GATES * p->depth;
        hidden_weights += WS_LSTM_GATES * p->units;
    }
}

void ws_lstm_s8(const ws_lstm_params *p, const int8_t *input, int8_t *hidden, void *cell,
                int8_t *output) {
    ws_lstm_steps(p, one_step, p, input, hidden, cell, output);
}
