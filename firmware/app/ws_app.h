/*
 * The application: a clip of 16 kHz mono int16 in, one of the model's labels out.
 *
 * The same three steps serve the console (main.c) and an emulator or a debugger that puts a
 * whole clip in memory and calls ws_app_clip.
 */
#ifndef WS_APP_H
#define WS_APP_H

#include <stdint.h>

#include "model.h"
#include "ws_frontend.h"

#if !defined(MODEL_INPUT_SCALE) || !defined(MODEL_OUTPUT_SCALE)
#error "the application needs a model with int8 input and output"
#endif
#if MODEL_INPUT_SIZE % WS_FE_WIDTH != 0 || MODEL_INPUT_ZERO_POINT != 0
#error "the model was made for another front-end"
#endif

/* Runs of the model per window, rows per run; more than one run where it remembers. */
#ifdef MODEL_STEPS
#define WS_APP_STEPS MODEL_STEPS
#else
#define WS_APP_STEPS 1
#endif
#define WS_APP_STEP_ROWS (MODEL_INPUT_SIZE / WS_FE_WIDTH)

/* Rows of the model's window, and the samples that fill it. */
#define WS_APP_FRAMES (WS_APP_STEPS * WS_APP_STEP_ROWS)
#define WS_APP_SAMPLES ((WS_APP_FRAMES + WS_FE_LAG - 1) * WS_FE_HOP)

typedef struct {
    uint32_t label; /* index of the highest score; the first of equals */
    int32_t score;
    int8_t scores[MODEL_OUTPUT_SIZE];
} ws_app_result_t;

extern ws_app_result_t ws_app_result;

/* 0, or what the runtime said when it could not run the model. */
extern const char *ws_app_wrong;

/* Where samples are gathered to a hop, by whoever hears at the moment. */
extern int16_t ws_app_buffer[WS_FE_HOP];

/* Forget everything heard. */
void ws_app_begin(void);

/* Hear WS_FE_HOP more samples. */
void ws_app_hop(const int16_t *hop);

/* Leave the features of the last WS_APP_SAMPLES samples in the model's input, with several runs per
   window those of the first; 0 when fewer samples were heard. */
int ws_app_prepare(void);

/* Classify the last WS_APP_SAMPLES samples into ws_app_result; 0 when fewer were heard or the
   runtime failed (ws_app_wrong tells), else 1. */
int ws_app_classify(void);

/*
 * The features of a clip's last window, left in the model's input; 0 when the clip is too short.
 * Samples after the last whole hop are not heard. With several runs per window, it is the features
 * of the first.
 */
int ws_app_features(const int16_t *pcm, uint32_t samples);

#if WS_APP_STEPS > 1
/* The features of one run, 0 being the oldest, left in the model's input; after a full window. */
void ws_app_feed(uint32_t step);
#endif

/* ws_app_features, then the model, into ws_app_result; 0 when the clip is too short or the runtime
   failed. */
int ws_app_clip(const int16_t *pcm, uint32_t samples);

#endif
