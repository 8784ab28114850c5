/*
 * The inner loops of the kernels for cores that multiply 32 x 32 bits to 32 bits only (Armv6-M).
 * On these cores they are in assembly; elsewhere the plain C beside it says what they compute.
 */
#ifndef WS_MULS_H
#define WS_MULS_H

#include <stdint.h>

#include "ws_kernels_muls.h"

#if defined(__ARM_ARCH_6M__)
#define WS_ARMV6M 1
#else
#define WS_ARMV6M 0
#endif

#define WS_LANES 4 /* positions of a tile */
#define WS_HALF 2  /* bytes of a value of a position */

/*
 * Four positions by all channels, or two. x[2 * pairs][positions / 2] are words: a value x of a
 * position and y of the next as the number x + 65536 y. So the upper half is y, less 1 where x is
 * negative.
 */
typedef struct {
    const int8_t *x;
    const int8_t *end; /* of x */
    const int8_t *weights;
    const ws_muls_channel *channels;
    int8_t *output;    /* channel 0 of the first position */
    int32_t offset[3]; /* from there to the other positions; equal ones end up as the first */
    int32_t zero;      /* the output's zero point */
    int32_t low;
    int32_t high;
    int32_t count; /* of channels */
    int32_t skip;  /* 0 to 3: pairs to a multiple of 4 */
} ws_muls_tile;

void ws_muls_tile_4(const ws_muls_tile *tile);
void ws_muls_tile_2(const ws_muls_tile *tile);

/* One of all channels of some positions, whose values are at x; output and offsets are missing. */
static inline ws_muls_tile ws_muls_tile_of(const ws_conv2d_muls_params *p, const int8_t *x,
                                           int32_t positions) {
    const ws_muls_tile tile = {
        .x = x,
        .end = x + 2 * WS_HALF * positions * p->pairs,
        .weights = p->weights,
        .channels = p->outputs.channels,
        .zero = p->outputs.output_offset,
        .low = p->outputs.activation_min,
        .high = p->outputs.activation_max,
        .count = p->output.channels,
        .skip = -p->pairs & 3,
    };
    return tile;
}

/* Positions that are not there are written below the last that is. */
static inline void ws_muls_offsets(ws_muls_tile *tile, int32_t step, int32_t positions) {
    for (int32_t i = 1; i < WS_LANES; i++) {
        tile->offset[i - 1] = step * (i < positions ? i : positions - 1);
    }
}

/* Which halves of words are written; an upper half needs its lower one first. */
enum { WS_LOWER, WS_UPPER, WS_BOTH };

/* Copy rows of bytes of one position, or of two, into every second word, or into every word. */
typedef struct {
    int8_t *to; /* the first word */
    const int8_t *from;
    int32_t count;    /* of bytes in a row, at least 1 */
    int32_t rows;     /* at least 1 */
    int32_t to_gap;   /* bytes from the end of a row to the next */
    int32_t from_gap; /* the same */
    int32_t halves;
    int32_t apart; /* bytes from a value of the lower half to that of the upper, for both */
} ws_muls_patch;

void ws_muls_widen_4(const ws_muls_patch *patch);
void ws_muls_widen_2(const ws_muls_patch *patch);

/* One row of FULLY_CONNECTED by all whole groups of units. */
typedef struct {
    const int8_t *x;
    const int8_t *weights; /* aligned to words */
    const ws_muls_channel *channels;
    int8_t *output;
    int32_t pass; /* bytes of weights of a pass; depth, rounded up */
    int32_t zero;
    int32_t low;
    int32_t high;
    int32_t groups; /* at least 1 */
    int32_t depth;
} ws_muls_dense;

void ws_muls_dense_8(const ws_muls_dense *dense);

/*
 * Sums of `count` products, at least 1, of the values with each of four rows of weights, which may
 * be the same row.
 */
void ws_muls_dot_4(const int8_t *x, const int8_t *const *rows, int32_t count, int32_t *sums);

/* One channel of a depthwise convolution over a plane of bytes, each value + 128. */
typedef struct {
    const uint8_t *plane;
    const int8_t *weights; /* words */
    const int8_t *end;     /* of them */
    int32_t taps;          /* in a row, at most WS_MULS_TAPS */
    int32_t pitch;         /* bytes from a row of taps to the next */
    int32_t step;          /* bytes of the plane from an output to the next */
    int32_t advance;       /* bytes of the plane from behind a line of outputs to the next */
    int8_t *output;
    int32_t output_step;
    int32_t output_advance;
    int32_t columns; /* of outputs */
    int32_t lines;
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
    int32_t zero;
    int32_t low;
    int32_t high;
} ws_muls_plane;

void ws_muls_lines(const ws_muls_plane *plane);

/*
 * ws_to_s8 (ws_fixedpoint.h) for |sum| < 2^29, bias included, and shifts of 1 to 21 to the right.
 * Halves of the second rounding go away from zero: upwards, of a value less 1 if it is negative. A
 * negative sum that scales to 0 may lose the 1, too: rounded, it is 0 again.
 */
static inline int8_t ws_muls_output(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero,
                                    int32_t low, int32_t high) {
    const int32_t scaled = ws_mul_upper(2 * sum, multiplier) + (sum >> 31);
    const int32_t rounded = (scaled >> shift) + (scaled >> (shift - 1) & 1);
    return (int8_t)ws_clamp(rounded + zero, low, high);
}

#endif /* WS_MULS_H */
