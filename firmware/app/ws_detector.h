/*
 * From posteriors to events: a moving average over the last results of the model, a threshold for
 * each word, one event per utterance, and a pause after it. Integers only; simulate/detector.py
 * gives the same events. The settings, WS_DETECT_*, are those of the project file's [detect]
 * (convert/emit_detector.py); docs/SPEC.md, "Detector", has the rules.
 */
#ifndef WS_DETECTOR_H
#define WS_DETECTOR_H

#include <stdint.h>

#include "model.h"
#include "ws_detector_settings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int8_t held[WS_DETECT_AVERAGE][MODEL_OUTPUT_SIZE]; /* ring of the last results */
    int32_t sums[MODEL_OUTPUT_SIZE]; /* of the ring, counted from the zero point */
    uint32_t next;                   /* where the next result goes */
    uint32_t count;                  /* results held */
    uint32_t pause;                  /* results that are still ignored */
    int32_t last;  /* word of the last event until its average falls below release; else -1 */
    int32_t score; /* of the last event: the average, from 0 up, in steps of the output's scale */
} ws_detector_t;

/* Forget everything. */
void ws_detector_reset(ws_detector_t *detector);

/* Take the model's next result; returns the index of the word that was said, or -1. */
int32_t ws_detector_push(ws_detector_t *detector, const int8_t *scores);

#ifdef __cplusplus
}
#endif

#endif
