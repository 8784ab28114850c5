/*
 * The inner loops of the DSP kernels, a file for each: assembly for cores with DSP instructions
 * (Cortex-M4, M7, M33), other assembly for Armv7-M without (Cortex-M3), and plain C, which says
 * what both compute and is what all other cores run. Assembly loads the fields of a struct in their
 * order.
 */
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

/*
 * Doubled sums of channels b and a at four positions to int8, as the tiles have it: `r` two
 * rescalings, `output` b's place at the first position. The last position is written first.
 */
static inline void ws_tile_outputs(const ws_rescale *r, int32_t twice, const int32_t *doubled,
                                   int8_t *output, const int32_t *offset) {
    const int32_t rounding[2] = {ws_rounding_of(twice, r[0].shift),
                                 ws_rounding_of(twice, r[1].shift)};
    for (int32_t i = 3; i >= 0; i--) {
        int8_t *to = output + (i > 0 ? offset[i - 1] : 0);
        to[0] = (int8_t)ws_rescale_s8(&r[0], doubled[i] + r[0].bias, rounding[0]);
        to[1] = (int8_t)ws_rescale_s8(&r[1], doubled[i + 4] + r[1].bias, rounding[1]);
    }
}

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

void ws_tile_4_s4(const ws_tile_4bit *tile);
void ws_tile_4_lut4(const ws_tile_4bit *tile);

/*
 * Doubled sums of two channels at four positions in C, b's first: x as of a tile, `values` bytes of
 * weights, a multiple of 4.
 */
typedef void (*ws_sums_4bit)(const int8_t *x, const int8_t *weights, int32_t values,
                             const int8_t *table_b, const int8_t *table_a, int32_t *doubled);

void ws_sums_s4(const int8_t *x, const int8_t *weights, int32_t values, const int8_t *table_b,
                const int8_t *table_a, int32_t *doubled);
void ws_sums_lut4(const int8_t *x, const int8_t *weights, int32_t values, const int8_t *table_b,
                  const int8_t *table_a, int32_t *doubled);

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

void ws_lines_3x3(const ws_plane_3x3 *plane);

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

#if !WS_HAS_DSP
void ws_four_outputs(const ws_four *four, const int8_t *plane, int8_t *output);
#endif

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

void ws_units_8(const ws_units *units);

#endif /* WS_DSP_DOTS_H */
