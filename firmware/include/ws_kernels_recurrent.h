/* Operators with a state from call to call, int8: LSTM and SVDF (see ws_kernels.h). */
#ifndef WS_KERNELS_RECURRENT_H
#define WS_KERNELS_RECURRENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WS_LSTM_GATES 4

/*
 * A rescaling as ws_requantize has it. Where that shifts to the right and the value is below 2^30,
 * fewer instructions do (ws_scaled): `half` is half a unit before the shift, and `shift` counts to
 * the right. Else `half` is 0 and `shift` counts to the left.
 */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t half;
} ws_scale;

/* How the two sums of one gate of an LSTM are rescaled. */
typedef struct {
    ws_scale input;
    ws_scale hidden;
} ws_lstm_gate;

/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM: gates are input, forget, cell and output. Input and output are rows
 * of `depth` and `units` values; row batch * batch_stride + step * step_stride is that of a step.
 * The states are kept from call to call: hidden[batches][units], and as many int16 cells.
 * input_weights[units][gates][depth], hidden_weights[units][gates][units]; the biases are
 * [units][gates], and what the zero points of input and hidden state add to the sums is in them.
 */
typedef struct {
    int32_t batches;
    int32_t steps;
    int32_t batch_stride;
    int32_t step_stride;
    int32_t depth;
    int32_t units;
    int32_t output_offset;
    ws_lstm_gate gates[WS_LSTM_GATES];
    ws_scale forget;
    ws_scale update;
    ws_scale result;
    int32_t tanh_multiplier;
    int32_t tanh_half; /* a unit before the shift */
    int32_t tanh_shift;
    int32_t cell_min;
    int32_t cell_max;
    const uint16_t *sigmoid_table;
    const int8_t *input_weights;
    const int8_t *hidden_weights;
    const int32_t *input_bias;
    const int32_t *hidden_bias;
} ws_lstm_params;

void ws_lstm_s8(const ws_lstm_params *p, const int8_t *input, int8_t *hidden, void *cell,
                int8_t *output);

/*
 * SVDF: feature_weights[units][rank][depth], time_weights[units][rank][memory]. What the zero
 * points of input and state add to the sums is in feature_bias[units][rank] and bias[units]. The
 * state is kept from call to call: [batches][units][rank][memory], the newest value last.
 */
typedef struct {
    int32_t batches;
    int32_t depth;
    int32_t units;
    int32_t rank;
    int32_t memory;
    int32_t state_offset;
    int32_t output_offset;
    int32_t feature_multiplier;
    int32_t feature_shift;
    int32_t time_multiplier;
    int32_t time_shift;
    const int8_t *feature_weights;
    const int8_t *time_weights;
    const int32_t *feature_bias;
    const int32_t *bias;
} ws_svdf_params;

void ws_svdf_s8(const ws_svdf_params *p, const int8_t *input, int8_t *state, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif /* WS_KERNELS_RECURRENT_H */
