/*
 * Fast int8 kernels for cores with Helium (MVE: Cortex-M55, M85); the same bits as ws_kernels.h.
 *
 * Weights and inputs are multiplied as the int8 values that they are, 16 at a time: the generator
 * (convert/fast_mve.py) moves the input's zero point into the bias, padding is filled with the
 * input's zero point, and rows of weights are filled up to vectors with zeros. Layers that miss a
 * condition are left to the other kernels; so are weights of 4 bits.
 *
 * A shift is to the left where positive, as in ws_requantize.
 */
#ifndef WS_KERNELS_MVE_H
#define WS_KERNELS_MVE_H

#include "ws_kernels.h"
#include "ws_kernels_dsp.h"

/* What follows the sums, for all channels. */
typedef struct {
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    int32_t any_shift; /* not all shifts are to the right */
} ws_mve_outputs;

/* What follows the sums of one channel. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
} ws_mve_channel;

/*
 * CONV_2D.
 *
 * weights[channels out / 2, rounded up][chunks][2][16]: of two channels in turn 16 values of the
 * window, which is read row by row without gaps; the last of an odd number of channels of a group
 * is there twice, in `channels`, too. scratch: `windows` windows, at most four, of 16 * chunks
 * bytes; of ws_conv2d_grouped_mve, which is for groups above 1, the windows of four positions with
 * all channels, which are less than 2^16 bytes each, then four windows, then two bytes per value of
 * one, rounded up to eight.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t input_zero;
    int32_t groups;
    int32_t chunks;
    int32_t windows;
    ws_mve_outputs outputs;
    const ws_mve_channel *channels;
    const int8_t *weights;
} ws_conv2d_mve_params;

void ws_conv2d_mve(const ws_conv2d_mve_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch);
void ws_conv2d_grouped_mve(const ws_conv2d_mve_params *p, const int8_t *input, int8_t *output,
                           int8_t *scratch);

/*
 * DEPTHWISE_CONV_2D with a depth multiplier of 1, 16 channels at a time. Rows and columns may be
 * exchanged, in `weights`, too.
 *
 * ws_depthwise_conv2d_mve: a ring of as many rows as the filter has. Of `group` neighbouring taps
 * of a row the magnitudes add up to at most 255 in every channel, so that their sum of products
 * fits int16. constants[channels / 8, rounded up][3][8]: bias, multiplier and shift of eight
 * channels, the even ones first; weights[channels / 8, rounded up][taps][8]. scratch: filter.y *
 * columns * 16 bytes.
 *
 * ws_depthwise_4x4_mve: at most four rows and columns of taps, a stride of 1 or 2 along a row.
 * constants[channels]: bias, multiplier, shift; weights[channels][4 columns][4 rows], filled up
 * with zeros. scratch: 512 bytes, and 64 per column that is read for fours of outputs.
 */
typedef struct {
    WS_PLANE_SIZES
    int32_t columns; /* of a row with its padding */
    int32_t group;   /* of ws_depthwise_conv2d_mve */
    int32_t input_zero;
    ws_mve_outputs outputs;
    const int32_t *constants;
    const int8_t *weights;
} ws_depthwise_mve_params;

void ws_depthwise_conv2d_mve(const ws_depthwise_mve_params *p, const int8_t *input, int8_t *output,
                             int8_t *scratch);
void ws_depthwise_4x4_mve(const ws_depthwise_mve_params *p, const int8_t *input, int8_t *output,
                          int8_t *scratch);

/*
 * FULLY_CONNECTED. blocks as the constants of ws_depthwise_conv2d_mve. weights[units /
 * 8][2][chunks][4][16]: of eight units first the even ones; then [chunks][16] of each unit that is
 * left over.
 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t units;
    int32_t chunks;
    ws_mve_outputs outputs;
    const int32_t *blocks;
    const int8_t *weights;
} ws_fully_connected_mve_params;

void ws_fully_connected_mve(const ws_fully_connected_mve_params *p, const int8_t *input,
                            int8_t *output);

/* ADD without broadcasting; the output may be where the first input is. */
void ws_add_mve(const ws_add_params *p, const int8_t *input1, const int8_t *input2, int8_t *output);

/* MAX_POOL_2D and AVERAGE_POOL_2D, eight channels at a time. */
void ws_max_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output);
void ws_average_pool2d_mve(const ws_pool2d_params *p, const int8_t *input, int8_t *output);

#endif /* WS_KERNELS_MVE_H */
