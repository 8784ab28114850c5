/*
 * Reference int8 kernels: one function and one parameter struct per operator.
 *
 * These define the bits in C; simulate/reference defines them in NumPy, and both equal TFLite
 * Micro's reference kernels. All integers in the parameters come from convert/prepare.py, so
 * nothing is computed at start-up and the structs stay in flash. No heap, no recursion, no global
 * state; of libc only memcpy and memset.
 *
 * Tensors are dense, row-major, channels last. Inputs and outputs never overlap. An `_offset` is
 * added to a value: minus the zero point for inputs, the zero point for outputs. A multiplier is
 * Q0.31, its shift is to the left when positive (see ws_requantize).
 */
#ifndef WS_KERNELS_H
#define WS_KERNELS_H

#include <stdint.h>

#if defined(__GNUC__)
#define WS_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define WS_NOINLINE __attribute__((noinline))
#define WS_INLINE inline __attribute__((always_inline))
/* Keeps a function with nothing to do, and the calls to it, where tools can see them. */
#define WS_NOTHING() __asm__ volatile("")
#else
#error "define WS_ALIGNED, WS_NOINLINE, WS_INLINE and WS_NOTHING for this compiler"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Rows, columns and channels of one image. */
typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;
} ws_shape;

/* A pair for the vertical and the horizontal direction. */
typedef struct {
    int32_t y;
    int32_t x;
} ws_yx;

/* Sizes and steps of a convolution, the first fields of its parameters for all types of values. */
#define WS_CONVOLUTION_SIZES                                                                       \
    int32_t batches;                                                                               \
    ws_shape input;                                                                                \
    ws_shape output;                                                                               \
    ws_yx filter;                                                                                  \
    ws_yx stride;                                                                                  \
    ws_yx dilation;                                                                                \
    ws_yx padding;

/*
 * CONV_2D. weights[channels out][filter.y][filter.x][channels in / groups]; bias may be NULL;
 * multiplier and shift have one entry per output channel. padding counts rows above and columns
 * left of the input; positions outside the input contribute nothing.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t groups;
    int32_t input_offset;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} ws_conv2d_params;

void ws_conv2d_s8(const ws_conv2d_params *p, const int8_t *input, int8_t *output);

/*
 * DEPTHWISE_CONV_2D. weights[filter.y][filter.x][channels out]; output channel
 * c * depth_multiplier + m sees input channel c. The rest is as for CONV_2D.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t depth_multiplier;
    int32_t input_offset;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} ws_depthwise_conv2d_params;

void ws_depthwise_conv2d_s8(const ws_depthwise_conv2d_params *p, const int8_t *input,
                            int8_t *output);

/*
 * FULLY_CONNECTED: `rows` vectors of `depth` values, weights[units][depth]; bias may be NULL.
 * scale_step is 1 when multiplier and shift have one entry per unit, 0 when all share the first.
 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t units;
    int32_t scale_step;
    int32_t input_offset;
    int32_t weight_offset;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
} ws_fully_connected_params;

void ws_fully_connected_s8(const ws_fully_connected_params *p, const int8_t *input, int8_t *output);

/*
 * The same with weights of 4 bits. `weights` then points to codes, two per byte, the first in the
 * low half, in rows that each begin at a byte:
 *   CONV_2D            a row per output channel, [filter.y][filter.x][channels in / groups];
 *   DEPTHWISE_CONV_2D  a row per tap, [channels out];
 *   FULLY_CONNECTED    a row per unit, [depth]; weight_offset is 0.
 * _s4: a code is the weight in two's complement. _lut4: a code is an index into a table of 16
 * weights; table_step is 16 when every output channel has its own table, 0 when all share one.
 */
void ws_conv2d_s4(const ws_conv2d_params *p, const int8_t *input, int8_t *output);
void ws_depthwise_conv2d_s4(const ws_depthwise_conv2d_params *p, const int8_t *input,
                            int8_t *output);
void ws_fully_connected_s4(const ws_fully_connected_params *p, const int8_t *input, int8_t *output);

typedef struct {
    ws_conv2d_params conv;
    const int8_t *tables;
    int32_t table_step;
} ws_conv2d_lut4_params;

void ws_conv2d_lut4(const ws_conv2d_lut4_params *p, const int8_t *input, int8_t *output);

typedef struct {
    ws_depthwise_conv2d_params conv;
    const int8_t *tables;
    int32_t table_step;
} ws_depthwise_conv2d_lut4_params;

void ws_depthwise_conv2d_lut4(const ws_depthwise_conv2d_lut4_params *p, const int8_t *input,
                              int8_t *output);

typedef struct {
    ws_fully_connected_params dense;
    const int8_t *tables;
    int32_t table_step;
} ws_fully_connected_lut4_params;

void ws_fully_connected_lut4(const ws_fully_connected_lut4_params *p, const int8_t *input,
                             int8_t *output);

/* MAX_POOL_2D and AVERAGE_POOL_2D; the average is over the positions inside the input. */
typedef struct {
    int32_t batches;
    ws_shape input;
    ws_shape output;
    ws_yx window;
    ws_yx stride;
    ws_yx padding;
    int32_t activation_min;
    int32_t activation_max;
} ws_pool2d_params;

void ws_max_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output);
void ws_average_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output);

/*
 * MEAN. The input is seen as [kept 0][reduced 0][kept 1][reduced 1][kept 2], which covers any axes
 * of up to four dimensions; the output is [kept 0][kept 1][kept 2]. The multiplier contains
 * 1 / (reduced 0 * reduced 1), sum_offset is the input offset times that count.
 */
typedef struct {
    int32_t kept[3];
    int32_t reduced[2];
    int32_t sum_offset;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
} ws_mean_params;

void ws_mean_s8(const ws_mean_params *p, const int8_t *input, int8_t *output);

/* REDUCE_MAX and REDUCE_MIN; dimensions as of MEAN. */
typedef struct {
    int32_t kept[3];
    int32_t reduced[2];
} ws_reduction;

void ws_reduce_max_s8(const ws_reduction *p, const int8_t *input, int8_t *output);
void ws_reduce_min_s8(const ws_reduction *p, const int8_t *input, int8_t *output);

/*
 * SOFTMAX of `rows` vectors of `depth` values. exp_table[d] is exp of the difference -d in Q0.31;
 * values exp_count or more below their row's largest have no share at all.
 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t exp_count;
    const int32_t *exp_table;
} ws_softmax_params;

void ws_softmax_s8(const ws_softmax_params *p, const int8_t *input, int8_t *output);

/*
 * How two inputs broadcast to a four-dimensional output, the first fields of the parameters of
 * operators that have two. A stride is in elements, 0 where that input is broadcast.
 */
#define WS_BROADCAST_WALK                                                                          \
    int32_t shape[4];                                                                              \
    int32_t stride1[4];                                                                            \
    int32_t stride2[4];

/*
 * ADD and SUB: both inputs are shifted left by left_shift and rescaled, added or subtracted, and
 * rescaled again.
 */
typedef struct {
    WS_BROADCAST_WALK
    int32_t left_shift;
    int32_t offset1;
    int32_t multiplier1;
    int32_t shift1;
    int32_t offset2;
    int32_t multiplier2;
    int32_t shift2;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t activation_min;
    int32_t activation_max;
} ws_add_params;

void ws_add_s8(const ws_add_params *p, const int8_t *input1, const int8_t *input2, int8_t *output);
void ws_sub_s8(const ws_add_params *p, const int8_t *input1, const int8_t *input2, int8_t *output);

/* MUL: the product of both inputs, rescaled. */
typedef struct {
    WS_BROADCAST_WALK
    int32_t offset1;
    int32_t offset2;
    int32_t output_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t activation_min;
    int32_t activation_max;
} ws_mul_params;

void ws_mul_s8(const ws_mul_params *p, const int8_t *input1, const int8_t *input2, int8_t *output);

/* SQUARED_DIFFERENCE: as SUB, and the difference is squared before the last rescaling. */
void ws_squared_difference_s8(const ws_add_params *p, const int8_t *input1, const int8_t *input2,
                              int8_t *output);

/* PRELU: input 1 rescaled from 0 up, below it the product of both inputs. */
typedef struct {
    WS_BROADCAST_WALK
    int32_t input_offset;
    int32_t slope_offset;
    int32_t output_offset;
    int32_t above_multiplier;
    int32_t above_shift;
    int32_t below_multiplier;
    int32_t below_shift;
} ws_prelu_params;

void ws_prelu_s8(const ws_prelu_params *p, const int8_t *input1, const int8_t *input2,
                 int8_t *output);

/* MAXIMUM and MINIMUM. */
typedef struct {
    WS_BROADCAST_WALK
} ws_broadcast;

void ws_maximum_s8(const ws_broadcast *p, const int8_t *input1, const int8_t *input2,
                   int8_t *output);
void ws_minimum_s8(const ws_broadcast *p, const int8_t *input1, const int8_t *input2,
                   int8_t *output);

/* PAD: the input inside a larger output, `before` positions from its corner, the rest `value`. */
typedef struct {
    int32_t input[4];
    int32_t output[4];
    int32_t before[4];
    int32_t value;
} ws_pad_params;

void ws_pad_s8(const ws_pad_params *p, const int8_t *input, int8_t *output);

/* CONCATENATION: `outer` times, run[i] values of input i after one another. */
typedef struct {
    int32_t outer;
    int32_t count;
    const int32_t *run;
} ws_concatenation_params;

void ws_concatenation_s8(const ws_concatenation_params *p, const int8_t *const *inputs,
                         int8_t *output);

/*
 * TRANSPOSE, STRIDED_SLICE, SLICE, SPLIT, SPLIT_V, UNPACK: the output is shape[0] x ... x shape[4]
 * runs of `run` bytes, where run (i0, ..., i4) begins at input byte offset + sum(i * stride).
 */
typedef struct {
    int32_t shape[5];
    int32_t stride[5];
    int32_t offset;
    int32_t run;
} ws_copy_params;

void ws_copy(const ws_copy_params *p, const int8_t *input, int8_t *output);

/* An operator with one input (RELU, TANH, QUANTIZE, ...): output = table[input + 128]. */
typedef struct {
    int32_t size;
    const int8_t *table;
} ws_table_params;

void ws_table_s8(const ws_table_params *p, const int8_t *input, int8_t *output);

/* QUANTIZE from float, DEQUANTIZE to float: real = scale * (q - zero_point). */
typedef struct {
    int32_t size;
    int32_t zero_point;
    float scale;
} ws_quantize_params;

void ws_quantize_f32_s8(const ws_quantize_params *p, const void *input, int8_t *output);
void ws_dequantize_s8_f32(const ws_quantize_params *p, const int8_t *input, void *output);

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

#endif /* WS_KERNELS_H */
