/*
 * Samples on their way from the microphone's interrupt to main: one writer, one reader, no lock.
 *
 * The writer never waits. When the ring is full, or the driver tells that it lost samples, a gap
 * opens: from then on everything is dropped and counted, until main has taken what was before the
 * gap and has noticed it. So samples that main takes in a row were heard in a row.
 */
#ifndef WS_CAPTURE_H
#define WS_CAPTURE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Samples that the ring holds; a power of two. A board without a microphone spends no RAM on it. */
#ifndef WS_CAPTURE_SIZE
#define WS_CAPTURE_SIZE 8192u
#endif

/* --- for the microphone's interrupt --- */

/* The next `count` samples. */
void ws_capture_put(const int16_t *pcm, uint32_t count);

/* The next `samples` samples were lost before they reached memory. */
void ws_capture_lost(uint32_t samples);

/* --- for main --- */

/* Empty, without a gap; only while the microphone is off. */
void ws_capture_reset(void);

/* Move the oldest `count` samples to `pcm` and return 1, or 0 when there are fewer. */
int ws_capture_take(int16_t *pcm, uint32_t count);

/* Whether there are `count` samples, or a gap. */
int ws_capture_waiting(uint32_t count);

/*
 * To be called when ws_capture_take has returned 0. With a gap, what is left before it is dropped,
 * capturing goes on, and the number of all samples dropped is returned; 0 without a gap.
 */
uint32_t ws_capture_gap(void);

#ifdef __cplusplus
}
#endif

#endif
