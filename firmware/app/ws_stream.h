/*
 * Sound without an end, hop by hop: features at every hop, the model at every WS_DETECT_EVERY-th,
 * then the detector. Microphone and `inject` both come through here; simulate/stream.py gives the
 * same results for the same samples.
 */
#ifndef WS_STREAM_H
#define WS_STREAM_H

#include <stdint.h>

typedef enum {
    WS_STREAM_QUIET,  /* the model did not run */
    WS_STREAM_SCORES, /* it did: ws_app_result */
    WS_STREAM_EVENT,  /* and a word was said: ws_stream_word */
    WS_STREAM_STUCK,  /* the model was due, but all samples of the last second are equal */
    WS_STREAM_WRONG   /* the model failed: ws_app_wrong */
} ws_stream_t;

extern uint32_t ws_stream_word;
extern int32_t ws_stream_score;

/* Forget everything; time starts at 0. */
void ws_stream_begin(void);

/* `samples` samples are missing: forget what was heard; time goes on. */
void ws_stream_skip(uint32_t samples);

/* Hear WS_FE_HOP more samples. */
ws_stream_t ws_stream_hop(const int16_t *hop);

/* The end of what was heard, in milliseconds; wraps after 49 days. */
uint32_t ws_stream_milliseconds(void);

#endif
