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

/* All channels of at most four positions, whose values are at x, to int8; bounds come after. */
typedef void (*ws_tile_function)(const void *params, const int8_t *x, int8_t *output,
                                 int32_t positions);

/* All positions, tile by tile; `params` is handed on. */
void ws_conv2d_tiles(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                     int8_t *scratch, ws_tile_function tile, const void *params);

/* One channel's doubled sums to its outputs. */
void ws_tile_channel(const ws_dsp_outputs *o, int32_t index, const int32_t *doubled, int8_t *output,
                     int32_t step, int32_t positions);

/* Where positions 1 to 3 are; those that are not wanted are written first, below a wanted one. */
static inline void ws_tile_offsets(int32_t *offset, int32_t channels, int32_t positions) {
    for (int32_t i = 1; i < WS_POSITIONS; i++) {
        offset[i - 1] = channels * (i < positions ? i : positions - 1);
    }
}

#endif /* WS_DSP_TILES_H */
