/*
 * Kernels on int16 values with int8 weights; the rest is as in ws_kernels.h.
 *
 * Zero points of int16 are 0, so there are no offsets. Sums with weights have 64 bits, and so have
 * biases; they are rescaled by multiplier / 2^right, multiplier below 2^15 and right from 8 to 46.
 */
#ifndef WS_KERNELS_S16_H
#define WS_KERNELS_S16_H

#include "ws_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The last fields of the parameters of an operator with weights. */
#define WS_WEIGHTED_S16                                                                            \
    int32_t activation_min;                                                                        \
    int32_t activation_max;                                                                        \
    const int8_t *weights;                                                                         \
    const int64_t *bias;                                                                           \
    const int16_t *multiplier;                                                                     \
    const int8_t *right;

/* CONV_2D; see ws_conv2d_params. */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t groups;
    WS_WEIGHTED_S16
} ws_conv2d_s16_params;

void ws_conv2d_s16(const ws_conv2d_s16_params *p, const int16_t *input, int16_t *output);

/* DEPTHWISE_CONV_2D; see ws_depthwise_conv2d_params. */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t depth_multiplier;
    WS_WEIGHTED_S16
} ws_depthwise_conv2d_s16_params;

void ws_depthwise_conv2d_s16(const ws_depthwise_conv2d_s16_params *p, const int16_t *input,
                             int16_t *output);

/* FULLY_CONNECTED; see ws_fully_connected_params. */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t units;
    int32_t scale_step;
    WS_WEIGHTED_S16
} ws_fully_connected_s16_params;

void ws_fully_connected_s16(const ws_fully_connected_s16_params *p, const int16_t *input,
                            int16_t *output);

void ws_max_pool2d_s16(const ws_pool2d_params *p, const int16_t *input, int16_t *output);
void ws_average_pool2d_s16(const ws_pool2d_params *p, const int16_t *input, int16_t *output);
void ws_mean_s16(const ws_mean_params *p, const int16_t *input, int16_t *output);
void ws_add_s16(const ws_add_params *p, const int16_t *input1, const int16_t *input2,
                int16_t *output);
void ws_sub_s16(const ws_add_params *p, const int16_t *input1, const int16_t *input2,
                int16_t *output);
void ws_mul_s16(const ws_mul_params *p, const int16_t *input1, const int16_t *input2,
                int16_t *output);
void ws_maximum_s16(const ws_broadcast *p, const int16_t *input1, const int16_t *input2,
                    int16_t *output);
void ws_minimum_s16(const ws_broadcast *p, const int16_t *input1, const int16_t *input2,
                    int16_t *output);

/*
 * SOFTMAX. The rescaled difference to a row's largest value, plus 32767, is looked up in exp_table,
 * the sum of the exponentials in reciprocal_table; both have 513 entries in Q0.15.
 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
    const int16_t *exp_table;
    const int16_t *reciprocal_table;
} ws_softmax_s16_params;

void ws_softmax_s16(const ws_softmax_s16_params *p, const int16_t *input, int16_t *output);

/*
 * LOGISTIC and TANH: x * multiplier / 2^shift is looked up in the table of convert/gate_tables.py
 * (see ws_sigmoid.h).
 */
typedef struct {
    int32_t size;
    int32_t multiplier;
    int32_t shift;
    const uint16_t *sigmoid_table;
} ws_sigmoid_s16_params;

void ws_logistic_s16(const ws_sigmoid_s16_params *p, const int16_t *input, int16_t *output);
void ws_tanh_s16(const ws_sigmoid_s16_params *p, const int16_t *input, int16_t *output);

/* LEAKY_RELU: the identity's factor from 0 up, sign * the other one below. */
typedef struct {
    int32_t size;
    int32_t identity_multiplier;
    int32_t identity_shift;
    int32_t sign;
    int32_t multiplier;
    int32_t shift;
} ws_leaky_relu_s16_params;

void ws_leaky_relu_s16(const ws_leaky_relu_s16_params *p, const int16_t *input, int16_t *output);

/*
 * QUANTIZE to or from int16 or to int32, RELU of int16; low and high are the least and largest
 * outputs. Values of int32 are written as bytes, since the arena is no array of them.
 */
typedef struct {
    int32_t size;
    int32_t input_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
    int32_t low;
    int32_t high;
} ws_rescale_params;

void ws_rescale_s8_s16(const ws_rescale_params *p, const int8_t *input, int16_t *output);
void ws_rescale_s16_s8(const ws_rescale_params *p, const int16_t *input, int8_t *output);
void ws_rescale_s16_s16(const ws_rescale_params *p, const int16_t *input, int16_t *output);
void ws_rescale_s8_s32(const ws_rescale_params *p, const int8_t *input, void *output);
void ws_rescale_s16_s32(const ws_rescale_params *p, const int16_t *input, void *output);

#ifdef __cplusplus
}
#endif

#endif /* WS_KERNELS_S16_H */
