#include "ws_listener.h"

#include "ws_app.h"
#include "ws_detector_settings.h"
#include "ws_runtime.h"
#include "ws_stream.h"

#if WS_LISTENER_HOP != WS_FE_HOP || WS_LISTENER_RATE != WS_FE_SAMPLE_RATE
#error "ws_listener_config.h was made for another front-end"
#endif
#if WS_LISTENER_LABELS != MODEL_OUTPUT_SIZE || WS_LISTENER_EVERY != WS_DETECT_EVERY
#error "ws_listener_config.h was made for another model or detector"
#endif

const char *ws_listener_init(void) {
    ws_stream_begin();
    return ws_runtime_init();
}

void ws_listener_reset(void) {
    ws_stream_begin();
}

void ws_listener_lost(uint32_t samples) {
    ws_stream_skip(samples);
}

ws_listener_t ws_listener_push(const int16_t *hop, ws_detection_t *said) {
    const ws_stream_t result = ws_stream_hop(hop);
    said->milliseconds = ws_stream_milliseconds();
    switch (result) {
    case WS_STREAM_EVENT:
        said->word = ws_stream_word;
        said->score = ws_stream_score;
        said->label = ws_listener_labels[ws_stream_word];
        return WS_LISTENER_WORD;
    case WS_STREAM_SCORES:
        return WS_LISTENER_SCORES;
    case WS_STREAM_STUCK:
        return WS_LISTENER_STUCK;
    case WS_STREAM_WRONG:
        return WS_LISTENER_WRONG;
    case WS_STREAM_QUIET:
        break;
    }
    return WS_LISTENER_QUIET;
}

const int8_t *ws_listener_scores(void) {
    return ws_app_result.scores;
}

const char *ws_listener_wrong(void) {
    return ws_app_wrong;
}
