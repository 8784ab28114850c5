/* DEPTHWISE_CONV_2D tap by tap: what its walk and its inner loop share. */
#ifndef WS_DSP_TAPS_H
#define WS_DSP_TAPS_H

#include "ws_dsp.h"
#include "ws_kernels_dsp.h"
#include "ws_memory.h"

/* One output position: quads of four channels, one after the other. */
typedef struct {
    int32_t channel;        /* the first one */
    const int16_t *weights; /* [quads][taps][4], of channels 0, 2, 1, 3 */
    const int8_t *places;   /* for each tap a pointer to channel 0 of what it sees; an odd number */
    const int8_t *end;      /* of places */
    const ws_rescale *channels;
    int8_t *output;
    int32_t twice; /* 2 * the output's zero point + 1 */
    int32_t quads;
} ws_quads_job;

void ws_quads(const ws_quads_job *job);

/* Pointers that are kept in scratch memory, which is bytes to C. */
static inline const int8_t *ws_place(const int8_t *at) {
    const int8_t *place;
    memcpy(&place, __builtin_assume_aligned(at, sizeof place), sizeof place);
    return place;
}

static inline void ws_set_place(int8_t *at, const int8_t *place) {
    memcpy(__builtin_assume_aligned(at, sizeof place), &place, sizeof place);
}

#endif /* WS_DSP_TAPS_H */
