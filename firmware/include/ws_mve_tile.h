/* The inner loop of the convolution on Helium. */
#ifndef WS_MVE_TILE_H
#define WS_MVE_TILE_H

#include <stdint.h>

#include "ws_kernels_mve.h"

#define WS_MVE_POSITIONS 4

/* Four positions by pairs of channels, from windows to int8 values in memory. */
typedef struct {
    const int8_t *x[WS_MVE_POSITIONS]; /* windows; equal ones where fewer positions are left */
    int32_t chunks;                    /* of 16 values in each */
    const int8_t *weights;             /* [pairs][chunks][2][16] */
    const ws_mve_channel *channels;
    int8_t *output;                         /* the first channel of the first position */
    int32_t pairs;                          /* of channels */
    uint16_t offsets[2 * WS_MVE_POSITIONS]; /* from there: both channels of each position */
    ws_mve_outputs outputs;
} ws_mve_tile;

void ws_mve_tile_4x2(const ws_mve_tile *tile);

/* Windows of at most four positions, 16 * chunks bytes each, and channels begin <= c < end, counted
   so that each group begins with an even one. */
typedef struct {
    const int8_t *windows;
    int8_t *output; /* of the first of the channels */
    int32_t positions;
    int32_t begin;
    int32_t end;
} ws_mve_part;

void ws_mve_channels(const ws_conv2d_mve_params *p, const ws_mve_part *part);

#endif /* WS_MVE_TILE_H */
