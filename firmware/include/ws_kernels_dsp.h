/*
 * Fast int8 kernels for cores with DSP instructions; the same bits as ws_kernels.h.
 *
 * Two ideas are common to them.
 *
 * Values are widened once. What one output position of a convolution sees of the input is copied to
 * scratch memory as pairs of int16, which all output channels then read. Of four neighbouring bytes
 * the pairs are (0, 2) and (1, 3), as SXTB16 makes them; weights are stored in that order.
 *
 * Weights of two channels a and b share a half-word, 256 * a + b. As it stands it serves SMLAD for
 * the sum 256 * A + B, and its low byte, extended, for the sum B; so A = (256 A + B - B) / 256,
 * exactly, as long as the sums fit int32: where the weights allow more, they are taken over `chunk`
 * pairs at a time. An instruction that would extend a's weights is saved for every pair of them.
 *
 * The generator (convert/fast.py) moves the input's zero point into the bias, doubles it (see
 * ws_rescale_s8), and falls back to the plain kernels where a condition does not hold. Padding is
 * filled with the input's zero point.
 *
 * scratch is aligned to words.
 */
#ifndef WS_KERNELS_DSP_H
#define WS_KERNELS_DSP_H

#include "ws_dsp.h"
#include "ws_each_window.h"
#include "ws_kernels.h"

/* How sums become int8. Bounds of an activation that are not int8's own are applied after. */
typedef struct {
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
    int32_t usual; /* every channel's shift is to the right; else some go to the left: 0 and less */
    const ws_rescale *channels;
} ws_dsp_outputs;

/*
 * Where 256 * a + b is less than a half-word can be, at a's -128 beside a negative b: 2^16 is added
 * there, and taken back from the sum of a. A list ends with channel INT32_MAX.
 */
typedef struct {
    int32_t channel; /* a's */
    int32_t value;   /* the weight's, in the order of the values */
} ws_too_low;

/*
 * CONV_2D. Four positions are read before they are written: how near the output may lie to the
 * input follows from that (convert/overlap.py).
 *
 * weights[channels out / 2, rounded up][pairs][2] are half-words of two channels, in the order of
 * the pairs of filter rows whose run of filter.x * channels values is filled up to a multiple of
 * four with zeros; with dilation.x or groups above 1 each tap is such a run. Where groups have an
 * odd number of channels each has one more, in outputs.channels, too. scratch: 16 bytes per pair;
 * of ws_conv2d_grouped_dsp, which is for groups above 1, before that the windows of four positions.
 * With fewer than WS_GROUP_DEPTH channels in a group only the whole window is filled up, and the
 * pairs are (0, 1) and (2, 3).
 */
#define WS_GROUP_DEPTH 3

typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t input_zero;
    int32_t groups;
    int32_t pairs;
    int32_t scratch_step; /* bytes by which scratch moves on after a tile: 0, or what was written */
    int32_t chunk;        /* pairs whose sums of 256 * a + b fit int32 */
    ws_dsp_outputs outputs;
    const int16_t *weights;
    const ws_too_low *too_low;
} ws_conv2d_dsp_params;

void ws_conv2d_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                   int8_t *scratch);
void ws_conv2d_grouped_dsp(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                           int8_t *scratch);

/* What weights of 4 bits have beside the parameters of their operator. */
#define WS_CODES_DSP                                                                               \
    const int8_t *codes;                                                                           \
    const int8_t *tables; /* of _s4: any address, none is read */                                  \
    int32_t table_step;

/*
 * The same with weights of 4 bits: a byte for each value of two channels a and b, in the order of
 * the values, filter rows filled up to a multiple of four. _s4: 16 a + b. _lut4: a's index into its
 * table of 16 weights in the high half, b's in the low one; table_step is 16 when every channel has
 * its own table (an odd number of them has one more), 0 when all share one. conv.weights is NULL.
 */
typedef struct {
    ws_conv2d_dsp_params conv;
    WS_CODES_DSP
} ws_conv2d_dsp4_params;

void ws_conv2d_dsp_s4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                      int8_t *scratch);
void ws_conv2d_dsp_lut4(const ws_conv2d_dsp4_params *p, const int8_t *input, int8_t *output,
                        int8_t *scratch);

/*
 * DEPTHWISE_CONV_2D channel by channel through a copy of the input channel's plane.
 *
 * weights[channels * multiplier][filter rows][filter columns]. With `turned` the planes are copied
 * with rows and columns exchanged (`weights`, too), so that the longer side is the one worked
 * along. scratch: a plane of int16 with its padding, rows of an even number of values, then a word
 * per pair of taps.
 */
typedef struct {
    WS_PLANE_SIZES
    ws_yx plane;        /* sides as copied, with padding */
    int32_t multiplier; /* output channels that each input channel makes */
    int32_t input_zero;
    ws_dsp_outputs outputs;
    const int8_t *weights;
} ws_depthwise_dsp_params;

void ws_depthwise_conv2d_dsp(const ws_depthwise_dsp_params *p, const int8_t *input, int8_t *output,
                             int8_t *scratch);

/*
 * The same with weights of 4 bits: codes[channels][taps / 2, rounded up], two per byte, the first
 * in the low half, as numbers (_s4) or indices (_lut4) into tables[channels or 1][16]. scratch: a
 * byte per tap more.
 */
typedef struct {
    ws_depthwise_dsp_params conv;
    WS_CODES_DSP
} ws_depthwise_dsp4_params;

void ws_depthwise_conv2d_dsp_s4(const ws_depthwise_dsp4_params *p, const int8_t *input,
                                int8_t *output, int8_t *scratch);
void ws_depthwise_conv2d_dsp_lut4(const ws_depthwise_dsp4_params *p, const int8_t *input,
                                  int8_t *output, int8_t *scratch);

/*
 * DEPTHWISE_CONV_2D with a depth multiplier of 1 and at least four channels, tap by tap.
 *
 * weights[channels / 4, rounded up][taps, and one of zeros where their number is even][4] are those
 * of channels 0, 2, 1, 3 of four; the last four channels are the last there are. scratch: room for
 * a pointer of 8 bytes per tap, then a byte per channel.
 */
typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t input_zero;
    ws_dsp_outputs outputs;
    const int16_t *weights;
} ws_depthwise_taps_dsp_params;

void ws_depthwise_taps_dsp(const ws_depthwise_taps_dsp_params *p, const int8_t *input,
                           int8_t *output, int8_t *scratch);

/*
 * FULLY_CONNECTED. weights[units / 8][pairs][8]: half-words of four pairs of units, for both values
 * of a pair; a depth that is no multiple of four is filled up with zeros. Units that are left over
 * follow in twos, [pairs][2].
 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t units;
    int32_t chunk; /* values, a multiple of four, whose sums of 256 * a + b fit int32 */
    ws_dsp_outputs outputs;
    const int16_t *weights;
    const ws_too_low *too_low;
} ws_fully_connected_dsp_params;

void ws_fully_connected_dsp(const ws_fully_connected_dsp_params *p, const int8_t *input,
                            int8_t *output);

/*
 * CONV_2D with few channels, whose windows are rows to FULLY_CONNECTED: p->depth is
 * filter.y * filled, a multiple of four, with weights of 0 behind the end of a filter row. scratch:
 * p->depth bytes.
 */
void ws_conv2d_narrow_dsp(const ws_window_walk *w, const ws_fully_connected_dsp_params *p,
                          const int8_t *input, int8_t *output, int8_t *scratch);

/* FULLY_CONNECTED with weights of 4 bits, whose bytes are those of a convolution's with one filter
 * row. */
typedef struct {
    ws_fully_connected_dsp_params dense;
    WS_CODES_DSP
} ws_fully_connected_dsp4_params;

void ws_fully_connected_dsp_s4(const ws_fully_connected_dsp4_params *p, const int8_t *input,
                               int8_t *output);
void ws_fully_connected_dsp_lut4(const ws_fully_connected_dsp4_params *p, const int8_t *input,
                                 int8_t *output);

/*
 * ADD of `count` values each; the output may be where an input is. With v one input and h the
 * other, of which TFLite Micro takes half, twice the sum is 2 * (rescaled(2^21 * v + first) + 2^19
 * * h) + bias with bias, multiplier and shift of outputs.channels for what follows. shift: 0 to 30,
 * to the right; 0 only where 2^21 * v + first is never negative.
 */
typedef struct {
    int32_t count;
    int32_t first;
    int32_t multiplier;
    int32_t shift;
    ws_dsp_outputs outputs;
} ws_add_dsp_params;

void ws_add_dsp(const ws_add_dsp_params *p, const int8_t *scaled, const int8_t *halved,
                int8_t *output);

/* Pooling of at least four channels, and MEAN whose last kept run has at least four values. */
void ws_max_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output);
void ws_average_pool2d_dsp(const ws_pool2d_params *p, const int8_t *input, int8_t *output);
void ws_mean_dsp(const ws_mean_params *p, const int8_t *input, int8_t *output);

/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM: lstm's scales all have a `half`; its biases are doubled and its own
 * weights are NULL. These are [units / 2, rounded up][values / 2][4][2] half-words as in
 * FULLY_CONNECTED, for the gates of two units behind each other, rows filled up to a multiple of
 * four values with zeros.
 */
typedef struct {
    ws_lstm_params lstm;
    const int16_t *input_weights;
    const int16_t *hidden_weights;
} ws_lstm_dsp_params;

void ws_lstm_dsp(const ws_lstm_dsp_params *p, const int8_t *input, int8_t *hidden, void *cell,
                 int8_t *output);

/* The same where scales of gates may be without, and shift to the left, sums to below 2^30. */
void ws_lstm_left_dsp(const ws_lstm_dsp_params *p, const int8_t *input, int8_t *hidden, void *cell,
                      int8_t *output);

/*
 * SVDF behind its projection: `newest` are the results of that, [batches][units][rank]; the rest is
 * as in ws_svdf_params, but for the bias, which is doubled and one of `channels`.
 * weights[units][rank][memory]. State and weights are aligned to words.
 */
typedef struct {
    int32_t batches;
    int32_t units;
    int32_t rank;
    int32_t memory;
    int32_t state_offset;
    int32_t output_offset;
    const ws_rescale *channels;
    const int8_t *weights;
} ws_svdf_memory_params;

void ws_svdf_memory(const ws_svdf_memory_params *p, const int8_t *newest, int8_t *state,
                    int8_t *output);

#endif /* WS_KERNELS_DSP_H */
