#include "ws_app.h"

#include "ws_cortexm.h"
#include "ws_window.h"

ws_app_result_t ws_app_result;

static ws_frontend_t frontend;
static ws_window_t window;
static int16_t rows[WS_APP_FRAMES * WS_FE_MELS];

void ws_app_begin(void) {
    ws_frontend_init(&frontend);
    ws_window_init(&window, rows, WS_APP_FRAMES);
}

void ws_app_hop(const int16_t *hop) {
    int16_t row[WS_FE_MELS];
    if (ws_frontend_push(&frontend, hop, row)) {
        ws_window_push(&window, row);
    }
}

static void invoke(void) {
    (void)model_invoke();
    const int8_t *scores = model_output();
    ws_app_result.label = 0;
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        ws_app_result.scores[i] = scores[i];
        if (scores[i] > scores[ws_app_result.label]) {
            ws_app_result.label = i;
        }
    }
    ws_app_result.score = scores[ws_app_result.label];
}

int ws_app_classify(void) {
    if (!ws_window_features(&window, model_input())) {
        return 0;
    }
    invoke();
    return 1;
}

WS_ENTRY(ws_app_features) int ws_app_features(const int16_t *pcm, uint32_t samples) {
    ws_app_begin();
    for (; samples >= WS_FE_HOP; samples -= WS_FE_HOP) {
        ws_app_hop(pcm);
        pcm += WS_FE_HOP;
    }
    return ws_window_features(&window, model_input());
}

WS_ENTRY(ws_app_clip) int ws_app_clip(const int16_t *pcm, uint32_t samples) {
    if (!ws_app_features(pcm, samples)) {
        return 0;
    }
    invoke();
    return 1;
}
