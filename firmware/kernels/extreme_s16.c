/* MAXIMUM and MINIMUM, int16, with broadcasting; all have the same scale and zero point. */
#include "ws_kernels_s16.h"

static int16_t larger_of(const ws_broadcast *p, int16_t a, int16_t b) {
    (void)p;
    return a > b ? a : b;
}

static int16_t smaller_of(const ws_broadcast *p, int16_t a, int16_t b) {
    (void)p;
    return a < b ? a : b;
}

#define WS_BINARY ws_maximum_s16
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE int16_t
#define WS_BINARY_OF larger_of
#include "ws_broadcast_loops.h"

#define WS_BINARY ws_minimum_s16
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE int16_t
#define WS_BINARY_OF smaller_of
#include "ws_broadcast_loops.h"
