/*
 * CONV_2D on the DSP instructions: what all kinds of weights share. Four output positions at a time
 * are widened into scratch memory, which all output channels then read.
 */
#ifndef WS_DSP_TILES_H
#define WS_DSP_TILES_H

#include "ws_dsp.h"
#include "ws_dsp_outputs.h"
#include "ws_kernels_dsp.h"
#include "ws_taps.h"

#define WS_POSITIONS 4
#define WS_STEP (WS_POSITIONS * 4) /* bytes of scratch from one pair of a position to the next */

/* At most four positions and a group of channels, counted so that each group begins with an even
   one. */
typedef struct {
    const int8_t *x;
    int8_t *output; /* of the first of the channels */
    int32_t positions;
    int32_t begin;
    int32_t end;
} ws_tile_part;

/* From the values at x to int8; bounds come after. */
typedef void (*ws_tile_function)(const void *params, const ws_tile_part *part);

/* The one of weights of 8 bits; `params` is a ws_conv2d_dsp_params. */
void ws_conv2d_tile(const void *params, const ws_tile_part *part);

/* All positions, tile by tile; `params` is handed on. */
void ws_conv2d_tiles(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                     int8_t *scratch, ws_tile_function tile, const void *params);

/* Doubled sums of channel c at four positions, and of c + 1 if there is one, to their outputs. */
void ws_tile_two_channels(const ws_conv2d_dsp_params *p, const ws_tile_part *part, int32_t c,
                          const int32_t *doubled);

/* Where positions 1 to 3 are; those that are not wanted are written first, below a wanted one. */
static inline void ws_tile_offsets(int32_t *offset, int32_t channels, int32_t positions) {
    for (int32_t i = 1; i < WS_POSITIONS; i++) {
        offset[i - 1] = channels * (i < positions ? i : positions - 1);
    }
}

#endif /* WS_DSP_TILES_H */
