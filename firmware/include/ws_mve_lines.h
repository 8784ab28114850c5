/* The inner loop of the depthwise convolution with small filters on Helium. */
#ifndef WS_MVE_LINES_H
#define WS_MVE_LINES_H

#include <stdint.h>

#include "ws_kernels_mve.h"

#define WS_MVE_CHANNELS 16                  /* of a strip */
#define WS_MVE_COLUMN (4 * WS_MVE_CHANNELS) /* bytes of a strip's column */
#define WS_MVE_ACROSS 4                     /* positions that are computed together */

/* Two rows of outputs of some channels, from the strip that both see. */
typedef struct {
    const int8_t *strip;      /* [columns][16 channels][4 rows] */
    const int8_t *weights;    /* [channels][2 rows of outputs][4 columns][4 rows] */
    const int32_t *constants; /* [channels]: bias, multiplier, shift */
    int8_t *output;           /* the first channel of the first position */
    int32_t channels;
    int32_t outputs_twice; /* 2 * positions in a row of outputs */
    int32_t advance;       /* bytes from a position to the fourth one after it */
    ws_mve_outputs outputs;
    uint16_t offsets[2 * WS_MVE_ACROSS]; /* of four positions, both rows of each */
} ws_mve_lines;

/* `stride`: columns from one position to the next, 1 or 2. */
void ws_mve_two_lines(const ws_mve_lines *lines, int32_t stride);

#endif /* WS_MVE_LINES_H */
