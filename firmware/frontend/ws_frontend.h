/*
 * The front-end: 16 kHz mono int16 in, one hop at a time; log-mel rows out.
 *
 * Integers only, no heap, no global state. Every bit equals simulate/frontend.py; docs/SPEC.md
 * ("Front-end") gives the formulas. The parameters and tables come from a generated header,
 * ws_frontend_tables.h (convert/emit_frontend.py).
 *
 *     static ws_frontend_t frontend;
 *     static int16_t row[WS_FE_MELS];
 *     ws_frontend_init(&frontend);
 *     for (;;)
 *         if (ws_frontend_push(&frontend, next_hop(), row))
 *             ws_window_push(&window, row);
 */
#ifndef WS_FRONTEND_H
#define WS_FRONTEND_H

#include <stdint.h>

#include "ws_frontend_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Points of the complex FFT that the 512-point real FFT is made of. */
#define WS_FE_POINTS 256

/* Hops that a window touches, and the samples kept from earlier hops. */
#define WS_FE_LAG ((WS_FE_WINDOW + WS_FE_HOP - 1) / WS_FE_HOP)
#define WS_FE_KEPT ((WS_FE_LAG - 1) * WS_FE_HOP)

typedef struct {
    int32_t work[2 * WS_FE_POINTS];                /* spectrum, real and imaginary parts in turn */
    int16_t kept[WS_FE_KEPT > 0 ? WS_FE_KEPT : 1]; /* the samples before the next hop */
    uint16_t hops;                                 /* hops seen, up to WS_FE_LAG - 1 */
} ws_frontend_t;

/* Forget all samples. */
void ws_frontend_init(ws_frontend_t *frontend);

/*
 * Take the next WS_FE_HOP samples. Returns 1 and fills `row` (WS_FE_MELS values, log2 of the mel
 * power in Q9) when a window is complete, which is always but for the first WS_FE_LAG - 1 hops;
 * else returns 0 and leaves `row` alone.
 */
int ws_frontend_push(ws_frontend_t *frontend, const int16_t *hop, int16_t *row);

#ifdef __cplusplus
}
#endif

#endif /* WS_FRONTEND_H */
