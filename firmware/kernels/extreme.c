/* MAXIMUM and MINIMUM, int8, with broadcasting; all have the same scale and zero point. */
#include "ws_kernels.h"

static int8_t larger_of(const ws_broadcast *p, int8_t a, int8_t b) {
    (void)p;
    return a > b ? a : b;
}

static int8_t smaller_of(const ws_broadcast *p, int8_t a, int8_t b) {
    (void)p;
    return a < b ? a : b;
}

#define WS_BINARY ws_maximum_s8
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF larger_of
#include "ws_broadcast_loops.h"

#define WS_BINARY ws_minimum_s8
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE int8_t
#define WS_BINARY_OF smaller_of
#include "ws_broadcast_loops.h"
