#include "ws_detector.h"

#include <string.h>

void ws_detector_reset(ws_detector_t *detector) {
    memset(detector, 0, sizeof *detector);
    detector->last = -1;
}

/* Exchange the oldest result for the newest; returns the index of the highest sum, the first of
   equals. */
static uint32_t average(ws_detector_t *detector, const int8_t *scores) {
    int8_t *const held = detector->held[detector->next];
    const int full = detector->count == WS_DETECT_AVERAGE;
    uint32_t best = 0;
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        const int32_t oldest = full ? held[i] - MODEL_OUTPUT_ZERO_POINT : 0;
        detector->sums[i] += scores[i] - MODEL_OUTPUT_ZERO_POINT - oldest;
        held[i] = scores[i];
        if (detector->sums[i] > detector->sums[best]) {
            best = i;
        }
    }
    detector->next = detector->next + 1u < WS_DETECT_AVERAGE ? detector->next + 1u : 0;
    detector->count += full ? 0u : 1u;
    return best;
}

int32_t ws_detector_push(ws_detector_t *detector, const int8_t *scores) {
    const uint32_t best = average(detector, scores);
    if (detector->last >= 0 && detector->sums[detector->last] < ws_detect_release[detector->last]) {
        detector->last = -1;
    }
    if (detector->pause > 0) {
        detector->pause--;
        return -1;
    }
    if (detector->count < WS_DETECT_AVERAGE || (int32_t)best == detector->last ||
        detector->sums[best] < ws_detect_threshold[best]) {
        return -1;
    }
    detector->last = (int32_t)best;
    detector->pause = WS_DETECT_PAUSE;
    detector->score = detector->sums[best] / (int32_t)WS_DETECT_AVERAGE;
    return detector->last;
}
