/*
 * MAXIMUM and MINIMUM with broadcasting, the same text for every type of values; all have the same
 * scale and zero point. A kernel includes this once, after it has defined
 *   ws_extreme_value   the type of a value,
 *   WS_MAXIMUM         the name of the function for MAXIMUM,
 *   WS_MINIMUM         the name of that for MINIMUM.
 */
static ws_extreme_value larger_of(const ws_broadcast *p, ws_extreme_value a, ws_extreme_value b) {
    (void)p;
    return a > b ? a : b;
}

static ws_extreme_value smaller_of(const ws_broadcast *p, ws_extreme_value a, ws_extreme_value b) {
    (void)p;
    return a < b ? a : b;
}

#define WS_BINARY WS_MAXIMUM
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE ws_extreme_value
#define WS_BINARY_OF larger_of
#include "ws_broadcast_loops.h"

#define WS_BINARY WS_MINIMUM
#define WS_BINARY_PARAMS ws_broadcast
#define WS_BINARY_VALUE ws_extreme_value
#define WS_BINARY_OF smaller_of
#include "ws_broadcast_loops.h"
