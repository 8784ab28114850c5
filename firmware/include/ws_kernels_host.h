/*
 * Fast int8 kernels for evaluating a model on a desktop or server; the same bits as ws_kernels.h.
 * They do not go into firmware.
 *
 * All work on an "image" in scratch memory: the input with its padding, as unsigned bytes 128 above
 * the int8 values. A window of a convolution then is an address and the same list of offsets for
 * every position, four bytes at each, and 16 output channels at a time are one vector of weights
 * (ws_host.h). The generator (convert/host_layers.py) takes the zero point and the 128 into the
 * bias and looks at the conditions.
 */
#ifndef WS_KERNELS_HOST_H
#define WS_KERNELS_HOST_H

#include "ws_kernels.h"

/*
 * What all of them know. `plane` are the image's sides; `rescale` is [channels / 16, rounded
 * up][5][16]: twice the bias, multiplier (Q0.31), rounding, shift to the right, and -1, or 0 where
 * that is 0.
 */
typedef struct {
    int32_t batches;
    ws_shape input;
    ws_shape output;
    ws_yx plane;
    ws_yx padding;
    ws_yx stride;
    int32_t input_zero;
    int32_t repeat; /* how often each channel is in the image */
    int32_t activation_min;
    int32_t activation_max;
    const int32_t *rescale;
} ws_host_layer;

/*
 * CONV_2D, FULLY_CONNECTED as one of 1x1 over its rows. offsets[fours] are bytes from the begin of
 * a window to each four values; weights[groups][channels of a group / 16, rounded
 * up][fours][16][4], and so is `rescale`. scratch: the image, and 3 bytes that four values may
 * reach beyond it.
 */
typedef struct {
    ws_host_layer layer;
    int32_t groups;
    int32_t fours;
    const int32_t *offsets;
    const int8_t *weights;
} ws_conv2d_host_params;

void ws_conv2d_host(const ws_conv2d_host_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch);

/*
 * DEPTHWISE_CONV_2D, whose image has a channel for each output channel. A column of the image and
 * 16 channels are `vectors` vectors of four filter rows; rows[vectors][4] are bytes from the
 * column's begin to each (beyond the filter to any). weights[channels / 16, rounded
 * up][taps][16][4], a tap being a filter column and four filter rows; offsets[taps] are bytes from
 * a window's first vector. scratch: `columns_at` bytes, which are the image and up to 15 that a
 * vector may reach beyond it, then 64 bytes per vector of all columns.
 */
typedef struct {
    ws_host_layer layer;
    int32_t vectors;
    int32_t taps;
    int32_t columns_at;
    const int32_t *rows;
    const int32_t *offsets;
    const int8_t *weights;
} ws_depthwise_host_params;

void ws_depthwise_conv2d_host(const ws_depthwise_host_params *p, const int8_t *input,
                              int8_t *output, int8_t *scratch);

#endif /* WS_KERNELS_HOST_H */
