/*
 * 512-point real FFT of a windowed frame in 32-bit integers.
 */
#ifndef WS_FFT_H
#define WS_FFT_H

#include <stdint.h>

/*
 * Window a frame and transform it.
 *
 * The frame's first WS_FE_KEPT samples are in `kept`, the rest in `hop`. On return
 * work[2 k], work[2 k + 1] hold bin k for k = 1 to 255 (some conjugated): the true value times
 * 2^(12 - WS_FE_INPUT_SHIFT).
 */
void ws_fft_frame(const int16_t *kept, const int16_t *hop, int32_t *work);

#endif /* WS_FFT_H */
