/*
 * Fast int8 kernels for cores whose only multiplication is MULS, 32 x 32 to 32 bits (Armv6-M:
 * Cortex-M0, M0+, M1); the same bits as ws_kernels.h.
 *
 * Two products come out of one multiplication: with values x and y of two positions in a word,
 * x + 65536 y, times a weight w that word is x w + 65536 y w. Words of several weights are added up
 * as long as the sum in the low half is sure to fit int16; then both halves are exact and are added
 * to sums of 32 bits. Two weights always fit (2 * 127 * 128 < 2^15), except -128 beside -128, which
 * the generator (convert/muls.py) leaves to other kernels.
 *
 * The halves are taken apart without taking them apart: T adds up the words W = L + 65536 H as they
 * are, modulo 2^32, and G the upper halves. An arithmetic shift by 16 gives H, less 1 where L is
 * negative, and leaves the top bit of L in the carry, which an addition with carry gives back. At
 * the end G is the sum of H and T - 65536 G that of L.
 *
 * The generator moves the input's zero point into the bias. Padding is filled with the zero point.
 * Kernels of 4-bit weights are those of ws_kernels_dsp.h. scratch is aligned to words.
 */
#ifndef WS_KERNELS_MULS_H
#define WS_KERNELS_MULS_H

#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_kernels_dsp.h"

/* How the sums of one output channel become int8, and where its weights are. */
typedef struct {
    int32_t bias;
    int32_t multiplier; /* Q0.31 */
    int32_t place;      /* bits 0-7: shift to the right, 1 to 21; above: see the kernels */
} ws_muls_channel;

typedef struct {
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    const ws_muls_channel *channels;
} ws_muls_outputs;

/*
 * CONV_2D. Four positions are read before they are written: how near the output may lie to the
 * input follows from that (convert/overlap.py).
 *
 * The weights of a pair of neighbouring values are 16 bytes, two words for each half of eight
 * channels: the first value's of four channels, then the second's. weights[channels / 8, rounded
 * up][pairs][2][2][4]. `place` >> 8 is the index of a channel's first weight. scratch: 16 bytes per
 * pair; of ws_conv2d_grouped_muls, which is for groups above 1, before that the windows of four
 * positions.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t input_zero;
    int32_t groups;
    int32_t pairs;
    int32_t scratch_step; /* bytes by which scratch moves on after a tile: 0, or what was written */
    ws_muls_outputs outputs;
    const int8_t *weights;
} ws_conv2d_muls_params;

void ws_conv2d_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                    int8_t *scratch);
void ws_conv2d_grouped_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                            int8_t *scratch);

/* The same with two positions: half the scratch memory, more instructions. */
void ws_conv2d_2_muls(const ws_conv2d_muls_params *p, const int8_t *input, int8_t *output,
                      int8_t *scratch);

/*
 * DEPTHWISE_CONV_2D with rows of at most WS_MULS_TAPS taps, channel by channel through a copy of
 * the input channel's plane.
 *
 * Values of the copy are bytes, 128 more than they were, which the bias makes up for: Armv6-M loads
 * bytes with an offset only without their sign. weights[channels * multiplier][filter rows][filter
 * columns]. With `turned` planes (ws_kernels_dsp.h) rows and columns are exchanged. scratch: a word
 * per tap, then the plane with its padding.
 */
#define WS_MULS_TAPS 16

typedef struct {
    WS_PLANE_SIZES
    ws_yx plane;        /* sides as copied, with padding */
    int32_t multiplier; /* output channels that each input channel makes */
    ws_yx dilation;     /* plane.x is a multiple of dilation.x; above 1 stride.x must be 1 */
    int32_t input_zero;
    ws_muls_outputs outputs;
    const int8_t *weights;
} ws_depthwise_muls_params;

void ws_depthwise_conv2d_muls(const ws_depthwise_muls_params *p, const int8_t *input,
                              int8_t *output, int8_t *scratch);

/*
 * FULLY_CONNECTED. Here the words hold weights of two units and are multiplied by one value. The
 * weights of eight units for one value are 8 bytes, each weight + 128: units 0 2 1 3 4 6 5 7, so
 * that even and odd bytes of a word are two pairs. Values are gone through in eight passes: 0, 8,
 * 16, ...; then 1, 9, 17, ...: value and weights are then 8 times as far apart, and equally far in
 * every step. weights[groups][8][depth / 8, rounded up][8]; `place` of a group's first unit:
 * bits 8-15: how many words may be added up before they are taken apart, 1 to WS_MULS_TERMS; bits
 * 16-23: the same for the first words of a pass, so that what is left is a multiple.
 *
 * Units beyond the groups, which may be all where words would have to be taken apart too often,
 * follow as rows[units - 8 * groups][depth] of int8. The last values may be read
 * with up to 7 bytes behind them.
 */
#define WS_MULS_TERMS 16

typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t units;
    int32_t groups;
    ws_muls_outputs outputs;
    const int8_t *weights; /* + 128, aligned to words */
    const int8_t *rest;    /* rows of the other units */
} ws_fully_connected_muls_params;

void ws_fully_connected_muls(const ws_fully_connected_muls_params *p, const int8_t *input,
                             int8_t *output);

#endif /* WS_KERNELS_MULS_H */
