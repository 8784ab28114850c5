/* From the bits of a PDM microphone at 1.024 MHz to 16 kHz PCM, in integers. */
#ifndef WS_PDM_H
#define WS_PDM_H

#include <stdint.h>

#define WS_PDM_STAGES 4
#define WS_PDM_TAPS 64u
#define WS_PDM_WORDS 4u /* of 16 bits, for one sample */

typedef struct {
    uint32_t sum[WS_PDM_STAGES];       /* integrators, at 1.024 MHz; they wrap, which is right */
    uint32_t before[WS_PDM_STAGES];    /* combs, at 64 kHz */
    int32_t history[2u * WS_PDM_TAPS]; /* twice, so that the newest 64 always lie in a row */
    uint32_t at;
} ws_pdm_t;

void ws_pdm_init(ws_pdm_t *pdm);

/* `samples` samples from four words each; the first bit in time is bit 15 of the first word. */
void ws_pdm_run(ws_pdm_t *pdm, const volatile uint16_t *words, uint32_t samples, int16_t *pcm);

#endif
