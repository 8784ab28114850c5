#include "ws_stream.h"

#include "ws_app.h"
#include "ws_detector.h"

#define SAMPLES_PER_MS (WS_FE_SAMPLE_RATE / 1000u)

uint32_t ws_stream_word;
int32_t ws_stream_score;

static ws_detector_t detector;
static uint64_t samples;
static uint32_t hops;  /* since the model was due */
static uint32_t equal; /* samples in a row that equal the last one, itself included */
static int16_t last;

static void forget(void) {
    ws_app_begin();
    ws_detector_reset(&detector);
    hops = 0;
    equal = 0;
}

void ws_stream_begin(void) {
    forget();
    samples = 0;
}

void ws_stream_skip(uint32_t count) {
    forget();
    samples += count;
}

uint32_t ws_stream_milliseconds(void) {
    return (uint32_t)(samples / SAMPLES_PER_MS);
}

/* A microphone is never that quiet, not even in silence: it is unplugged or stuck. */
static void watch(const int16_t *hop) {
    for (uint32_t i = 0; i < WS_FE_HOP; i++) {
        equal = equal > 0 && hop[i] == last ? equal + (equal < WS_FE_SAMPLE_RATE) : 1u;
        last = hop[i];
    }
}

ws_stream_t ws_stream_hop(const int16_t *hop) {
    watch(hop);
    ws_app_hop(hop);
    samples += WS_FE_HOP;
    if (++hops < WS_DETECT_EVERY) {
        return WS_STREAM_QUIET;
    }
    hops = 0;
    if (equal == WS_FE_SAMPLE_RATE) {
        ws_detector_reset(&detector);
        return WS_STREAM_STUCK;
    }
    if (!ws_app_classify()) {
        return ws_app_wrong != 0 ? WS_STREAM_WRONG : WS_STREAM_QUIET;
    }
    const int32_t word = ws_detector_push(&detector, ws_app_result.scores);
    if (word < 0) {
        return WS_STREAM_SCORES;
    }
    ws_stream_word = (uint32_t)word;
    ws_stream_score = detector.score;
    return WS_STREAM_EVENT;
}
