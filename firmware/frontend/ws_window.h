/*
 * The rows of the model's window, and the last step of the front-end: level normalisation to int8.
 *
 * The caller owns the memory of the rows: frames * WS_FE_MELS values. Every bit equals `normalise`
 * in simulate/frontend.py.
 */
#ifndef WS_WINDOW_H
#define WS_WINDOW_H

#include <stdint.h>

#include "ws_frontend_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int16_t *rows;   /* ring of `frames` rows of WS_FE_MELS values */
    uint16_t frames; /* rows of a window */
    uint16_t next;   /* where the next row goes: the oldest one when the ring is full */
    uint16_t count;  /* rows held, up to `frames` */
} ws_window_t;

/* An empty window over `rows`, room for frames * WS_FE_MELS values; frames >= 1. */
void ws_window_init(ws_window_t *window, int16_t *rows, uint16_t frames);

/* Add a row; the oldest one leaves a full window. */
void ws_window_push(ws_window_t *window, const int16_t *row);

/*
 * Write the window's features, oldest row first: frames * WS_FE_WIDTH values, the real value of q
 * is q / 64. Returns 1, or 0 and writes nothing while the window is not full.
 */
int ws_window_features(const ws_window_t *window, int8_t *features);

/*
 * The same row by row, for a full window: the loudest value of the window, and with it the
 * WS_FE_WIDTH features of one row, 0 being the oldest.
 */
int32_t ws_window_peak(const ws_window_t *window);
void ws_window_row(const ws_window_t *window, uint32_t row, int32_t peak, int8_t *features);

#ifdef __cplusplus
}
#endif

#endif /* WS_WINDOW_H */
