/* The inner loops of the DSP kernels. */
#ifndef WS_DSP_DOTS_H
#define WS_DSP_DOTS_H

#include <stdint.h>

#include "ws_dsp.h"

/*
 * Sums, from 0, of four positions by two channels: x[pairs][4] words, weights[pairs][2]; `pairs` is
 * even. First the four of b, then those of 256 * a + b (see ws_kernels_dsp.h).
 */
void ws_dot_4x2(const int8_t *x, const int16_t *weights, int32_t pairs, int32_t *sums);

/*
 * One position by eight channels: `values`, a multiple of 4, bytes at x, weights[values / 2][4][2];
 * b, both, b, both, ...
 */
void ws_dot_1x8(const int8_t *x, const int16_t *weights, int32_t values, int32_t *sums);

/* Four positions by an even number of channels: ws_dot_4x2, and what follows it. */
typedef struct {
    const int16_t *weights; /* of two channels after those of two others */
    int32_t pairs;
    const int8_t *x;   /* [pairs][4] words */
    const int8_t *end; /* of x */
    const ws_rescale *channels;
    int8_t *output;    /* channel 0 of the first position */
    int32_t offset[3]; /* from there to the other positions; equal ones end up as the first */
    int32_t twice;     /* 2 * the output's zero point + 1 */
    int32_t count;     /* of channels, halved */
} ws_tile;

void ws_tile_4(const ws_tile *tile);

/* Rows of bytes at four places to pairs of int16, [words][2][4] of them: ws_dot_4x2's x. */
typedef struct {
    const int8_t *from[4];
    int32_t words; /* per row, each of four bytes */
    int32_t rows;
    int32_t advance; /* bytes from the end of a row to the next */
} ws_widening;

/* Returns where `to` goes on. */
int8_t *ws_widen_4(int8_t *to, const ws_widening *job);

/* The same with weights of 4 bits (ws_kernels_dsp.h): words of four values and two channels. */
typedef struct {
    const int8_t *x; /* [pairs][4] words */
    const int8_t *end;
    const ws_rescale *channels;
    int8_t *output;
    int32_t offset[3];
    int32_t twice;
    int32_t count;
    const int8_t *weights;
    const int8_t *table_b; /* 16 weights each; not looked at by _s4 */
    const int8_t *table_a;
    int32_t table_step; /* bytes to the tables of the next two channels */
} ws_tile_4bit;

/* One channel of a 3x3 depthwise convolution with stride 1, over a plane of int16. */
typedef struct {
#if WS_HAS_DSP
    uint32_t weights[6]; /* pairs (0, 1) and (1, 2) of each row */
#else
    int32_t weights[9]; /* doubled */
#endif
    const int8_t *plane; /* even number of values per line, aligned to words */
    int8_t *output;
    int32_t pitch;   /* bytes from a line of the plane to the next */
    int32_t step;    /* bytes from an output to the next of its line */
    int32_t advance; /* bytes from the end of a line of outputs to the next */
    int32_t pairs;   /* of outputs in a line */
    int32_t single;  /* 1 if there is one more */
    int32_t lines;   /* of outputs */
    ws_rescale rescale;
    int32_t rounding;
} ws_plane_3x3;

/* Four outputs of a channel of any depthwise convolution, over a plane of int16. */
typedef struct {
    const int8_t *weights; /* [rows][taps] */
    int32_t taps;
    int32_t rows;
    int32_t skip;    /* bytes of the plane from the end of a row of taps to the next */
    int32_t from[3]; /* bytes from what the first output sees to what the others see */
    int32_t to[3];   /* bytes from the first output; equal ones end up as the first */
    ws_rescale rescale;
    int32_t rounding;
} ws_four;

/* One position by all units, whose number is a multiple of eight: ws_dot_1x8, and what follows. */
typedef struct {
    const int16_t *weights;
    const int8_t *x;
    int32_t values; /* a multiple of 4 */
    const ws_rescale *channels;
    int8_t *output;
    int32_t twice; /* 2 * the output's zero point + 1 */
    int32_t count; /* of units, by eight */
} ws_units;

#if WS_HAS_ASM
void ws_units_8(const ws_units *units);
void ws_lines_3x3(const ws_plane_3x3 *plane);
void ws_tile_4_s4(const ws_tile_4bit *tile);
void ws_tile_4_lut4(const ws_tile_4bit *tile);
#endif
#if WS_HAS_MLA
void ws_four_outputs(const ws_four *four, const int8_t *plane, int8_t *output);
#endif

#endif /* WS_DSP_DOTS_H */
