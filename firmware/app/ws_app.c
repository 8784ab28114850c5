#include "ws_app.h"

#include "ws_entry.h"
#include "ws_runtime.h"
#include "ws_window.h"

ws_app_result_t ws_app_result;
const char *ws_app_wrong;
int16_t ws_app_buffer[WS_FE_HOP];

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

/*
 * ws_app_prepare brings the window's features to the model's input, all of them or those of the
 * first run; `run` then runs the model over the window.
 */
#if WS_APP_STEPS > 1
static int32_t peak;

WS_ENTRY(ws_app_feed) void ws_app_feed(uint32_t step) {
    int8_t *features = ws_runtime_input();
    for (uint32_t row = 0; row < WS_APP_STEP_ROWS; row++) {
        ws_window_row(&window, step * WS_APP_STEP_ROWS + row, peak, features);
        features += WS_FE_WIDTH;
    }
}

int ws_app_prepare(void) {
    if (window.count < window.frames) {
        return 0;
    }
    peak = ws_window_peak(&window);
    ws_app_feed(0);
    return 1;
}

static void run(void) {
    ws_runtime_reset();
    ws_app_wrong = ws_runtime_invoke();
    for (uint32_t step = 1; ws_app_wrong == 0 && step < WS_APP_STEPS; step++) {
        ws_app_feed(step);
        ws_app_wrong = ws_runtime_invoke();
    }
}
#else
int ws_app_prepare(void) {
    return ws_window_features(&window, ws_runtime_input());
}

static void run(void) {
    ws_runtime_reset();
    ws_app_wrong = ws_runtime_invoke();
}
#endif

static int invoke(void) {
    run();
    if (ws_app_wrong != 0) {
        return 0;
    }
    const int8_t *scores = ws_runtime_output();
    ws_app_result.label = 0;
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        ws_app_result.scores[i] = scores[i];
        if (scores[i] > scores[ws_app_result.label]) {
            ws_app_result.label = i;
        }
    }
    ws_app_result.score = scores[ws_app_result.label];
    return 1;
}

int ws_app_classify(void) {
    ws_app_wrong = 0;
    return ws_app_prepare() && invoke();
}

WS_ENTRY(ws_app_features) int ws_app_features(const int16_t *pcm, uint32_t samples) {
    ws_app_begin();
    for (; samples >= WS_FE_HOP; samples -= WS_FE_HOP) {
        ws_app_hop(pcm);
        pcm += WS_FE_HOP;
    }
    return ws_app_prepare();
}

WS_ENTRY(ws_app_clip) int ws_app_clip(const int16_t *pcm, uint32_t samples) {
    ws_app_wrong = 0;
    return ws_app_features(pcm, samples) && invoke();
}
