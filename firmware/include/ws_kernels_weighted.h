/*
 * Operators with weights, int8: CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED (see ws_kernels.h).
 */
#ifndef WS_KERNELS_WEIGHTED_H
#define WS_KERNELS_WEIGHTED_H

#include "ws_shapes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The last fields of the parameters of an operator with weights. */
#define WS_WEIGHTED_S8                                                                             \
    int32_t input_offset;                                                                          \
    int32_t output_offset;                                                                         \
    int32_t activation_min;                                                                        \
    int32_t activation_max;                                                                        \
    const int8_t *weights;                                                                         \
    const int32_t *bias;                                                                           \
    const int32_t *multiplier;                                                                     \
    const int8_t *shift;

/*
 * CONV_2D. weights[channels out][filter.y][filter.x][channels in / groups]; bias may be NULL;
 * multiplier and shift have one entry per output channel. padding counts rows above and columns
 * left of the input; positions outside the input contribute nothing.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t groups;
    WS_WEIGHTED_S8
} ws_conv2d_params;

void ws_conv2d_s8(const ws_conv2d_params *p, const int8_t *input, int8_t *output);

/*
 * TRANSPOSE_CONV: input (iy, ix) meets tap (ky, kx) in output (iy * stride.y + ky - padding.y,
 * ...). weights[channels out][filter.y][filter.x][channels in]; the rest is as for CONV_2D, groups
 * is 1.
 */
typedef ws_conv2d_params ws_transpose_conv_params;

void ws_transpose_conv_s8(const ws_transpose_conv_params *p, const int8_t *input, int8_t *output);

/*
 * DEPTHWISE_CONV_2D. weights[filter.y][filter.x][channels out]; output channel
 * c * depth_multiplier + m sees input channel c. The rest is as for CONV_2D.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t depth_multiplier;
    WS_WEIGHTED_S8
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
    int32_t weight_offset;
    WS_WEIGHTED_S8
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

/* What weights by table have beside the parameters of weights of 8 bits. */
#define WS_TABLES_LUT4                                                                             \
    const int8_t *tables;                                                                          \
    int32_t table_step;

typedef struct {
    ws_conv2d_params conv;
    WS_TABLES_LUT4
} ws_conv2d_lut4_params;

void ws_conv2d_lut4(const ws_conv2d_lut4_params *p, const int8_t *input, int8_t *output);

typedef struct {
    ws_depthwise_conv2d_params conv;
    WS_TABLES_LUT4
} ws_depthwise_conv2d_lut4_params;

void ws_depthwise_conv2d_lut4(const ws_depthwise_conv2d_lut4_params *p, const int8_t *input,
                              int8_t *output);

typedef struct {
    ws_fully_connected_params dense;
    WS_TABLES_LUT4
} ws_fully_connected_lut4_params;

void ws_fully_connected_lut4(const ws_fully_connected_lut4_params *p, const int8_t *input,
                             int8_t *output);

#ifdef __cplusplus
}
#endif

#endif /* WS_KERNELS_WEIGHTED_H */
