/*
 * Listens for words: int16 sound in, one hop at a time; the words that were said out.
 *
 *     ws_listener_init();
 *     for (;;) {
 *         ws_detection_t said;
 *         read_microphone(hop, WS_LISTENER_HOP);
 *         if (ws_listener_push(hop, &said) == WS_LISTENER_WORD)
 *             act_on(said.word);
 *     }
 *
 * There is one listener: its memory is static. Call it from one thread, not from an interrupt; a
 * call takes as long as the model runs at every WS_LISTENER_EVERY-th hop, so let a DMA or an
 * interrupt collect sound meanwhile. No heap, no files, nothing of libc but memcpy and memset.
 */
#ifndef WS_LISTENER_H
#define WS_LISTENER_H

#include <stdint.h>

#include "ws_listener_config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    WS_LISTENER_QUIET,  /* the model did not run: not its turn, or not enough sound yet */
    WS_LISTENER_SCORES, /* the model ran and no word was said */
    WS_LISTENER_WORD,   /* a word was said */
    WS_LISTENER_STUCK,  /* all samples of the last second are equal: no microphone does that */
    WS_LISTENER_WRONG   /* the model could not run: ws_listener_wrong() */
} ws_listener_t;

typedef struct {
    uint32_t milliseconds; /* sound heard up to now; wraps after 49 days */
    uint32_t word;         /* index into ws_listener_labels */
    int32_t score;         /* average of the last results, in steps of WS_LISTENER_SCALE */
    const char *label;     /* the word, UTF-8 */
} ws_detection_t;

/* The model's classes, in their order: the words, and what is no word. */
extern const char *const ws_listener_labels[WS_LISTENER_LABELS];

/* Call once before anything else. Returns 0, or what went wrong. */
const char *ws_listener_init(void);

/* Forget everything that was heard; time goes back to 0. */
void ws_listener_reset(void);

/* `samples` samples were lost: forget what was heard, time goes on. */
void ws_listener_lost(uint32_t samples);

/*
 * Hear WS_LISTENER_HOP more samples of WS_LISTENER_RATE Hz. `said` is filled when
 * WS_LISTENER_WORD is returned; of all fields only `milliseconds` otherwise.
 */
ws_listener_t ws_listener_push(const int16_t *hop, ws_detection_t *said);

/* WS_LISTENER_LABELS results of the model's last run, less WS_LISTENER_ZERO_POINT in steps of
   WS_LISTENER_SCALE. */
const int8_t *ws_listener_scores(void);

/* 0, or why the model could not run. */
const char *ws_listener_wrong(void);

#ifdef __cplusplus
}
#endif

#endif
