/* Operators with two inputs, int8, with broadcasting (see ws_kernels.h). */
#ifndef WS_KERNELS_BINARY_H
#define WS_KERNELS_BINARY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif /* WS_KERNELS_BINARY_H */
