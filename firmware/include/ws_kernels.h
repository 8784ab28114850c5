/*
 * Reference int8 kernels: one function and one parameter struct per operator.
 *
 * These define the bits in C; simulate/reference defines them in NumPy, and both equal TFLite
 * Micro's reference kernels. All integers in the parameters come from convert/prepare.py, so
 * nothing is computed at start-up and the structs stay in flash. No heap, no recursion, no global
 * state; of libc only memcpy and memset.
 *
 * Tensors are dense, row-major, channels last. Where an output may share memory with an input,
 * convert/overlap.py says. An `_offset` is added to a value: minus the zero point for inputs, the
 * zero point for outputs. A multiplier is Q0.31, its shift is to the left when positive (see
 * ws_requantize).
 */
#ifndef WS_KERNELS_H
#define WS_KERNELS_H

#include "ws_kernels_binary.h"
#include "ws_kernels_recurrent.h"
#include "ws_kernels_weighted.h"
#include "ws_shapes.h"

#ifdef __cplusplus
extern "C" {
#endif

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
void ws_softmax_s8_s16(const ws_softmax_params *p, const int8_t *input, int16_t *output);

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

/*
 * RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD, GATHER, DEPTH_TO_SPACE, SPACE_TO_DEPTH: the output is
 * shape[0] x ... x shape[3] runs of `run` bytes, where run (i0, ..., i3) begins at input byte
 * places[0][i0] + ... + places[3][i3].
 */
typedef struct {
    int32_t shape[4];
    const int32_t *places[4];
    int32_t run;
} ws_pick_params;

void ws_pick(const ws_pick_params *p, const int8_t *input, int8_t *output);

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

#ifdef __cplusplus
}
#endif

#endif /* WS_KERNELS_H */
