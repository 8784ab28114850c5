/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM on the DSP instructions: the eight gates of two units are eight
 * channels of ws_dot_1x8, at one instruction per multiplication.
 */
#include "ws_dsp_dots.h"
#include "ws_kernels_dsp.h"
#include "ws_lstm_cell.h"

#define UNITS 2
#define SUMS (UNITS * WS_LSTM_GATES)

/* Eight sums over a row, as ws_dot_1x8 leaves them; returns the weights that follow. */
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
    return weights;
}

/* Of gate `i` of a unit; with its bias, twice. */
static WS_INLINE int32_t sum_of(const int32_t *sums, int32_t i, const int32_t *doubled_bias) {
    int32_t sum = sums[i];
    if (i & 1) {
        sum = (int32_t)((uint32_t)sum - (uint32_t)sums[i - 1]) >> 8; /* exact */
    }
    return doubled_bias[i] + 2 * sum;
}

/* ws_scaled_twice; if it may be `left` the shift goes there where there is no half. */
static WS_INLINE int32_t gate_scaled(const ws_scale *s, int32_t twice, int left) {
    if (left && s->half == 0) {
        return ws_mul_upper((int32_t)((uint32_t)twice << s->shift), s->multiplier);
    }
    return ws_scaled_twice(s, twice);
}

static WS_INLINE void one_step(const ws_lstm_dsp_params *p, const int8_t *input,
                               const int8_t *hidden, uint8_t *cells, int8_t *output, int left) {
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
            const int32_t *in_bias = l->input_bias + unit * WS_LSTM_GATES;
            const int32_t *own_bias = l->hidden_bias + unit * WS_LSTM_GATES;
#define GATE(i)                                                                                    \
    ws_gate_argument(gate_scaled(&l->gates[i].input, sum_of(in, i, in_bias), left),                \
                     gate_scaled(&l->gates[i].hidden, sum_of(own, i, own_bias), left))
            const int32_t gates[WS_LSTM_GATES] = {GATE(0), GATE(1), GATE(2), GATE(3)};
#undef GATE
            output[unit] = ws_lstm_unit(l, gates, cells + (size_t)unit * sizeof(int16_t), 1);
        }
    }
}

static void to_the_right(const void *params, const int8_t *input, const int8_t *hidden,
                         uint8_t *cells, int8_t *output) {
    one_step(params, input, hidden, cells, output, 0);
}

static void to_the_left(const void *params, const int8_t *input, const int8_t *hidden,
                        uint8_t *cells, int8_t *output) {
    one_step(params, input, hidden, cells, output, 1);
}

void ws_lstm_dsp(const ws_lstm_dsp_params *p, const int8_t *input, int8_t *hidden, void *cell,
                 int8_t *output) {
    ws_lstm_steps(&p->lstm, to_the_right, p, input, hidden, cell, output);
}

void ws_lstm_left_dsp(const ws_lstm_dsp_params *p, const int8_t *input, int8_t *hidden, void *cell,
                      int8_t *output) {
    ws_lstm_steps(&p->lstm, to_the_left, p, input, hidden, cell, output);
}
