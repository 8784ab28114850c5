/*
 * A convolution position by position: what an output position sees of the input is copied to
 * scratch memory, and a function makes all its channels of that. For few channels this is less work
 * than to widen windows for a tile of several positions, and it takes the least scratch memory.
 */
#ifndef WS_EACH_WINDOW_H
#define WS_EACH_WINDOW_H

#include "ws_kernels.h"

/* `filled` bytes from one filter row to the next in a window, filter.x * input.channels or more. */
typedef struct {
    int32_t batches;
    ws_shape input;
    ws_shape output;
    ws_yx filter;
    ws_yx stride;
    ws_yx padding;
    int32_t filled;
    int32_t input_zero;
} ws_window_walk;

typedef void (*ws_window_function)(const void *params, const int8_t *window, int8_t *output);

/*
 * Calls `function` with `params`, filter.y * filled values that are what the position sees, and
 * where its channels go. Behind the end of a filter row there may be anything.
 */
void ws_each_window(const ws_window_walk *w, const int8_t *input, int8_t *output, int8_t *scratch,
                    ws_window_function function, const void *params);

#endif /* WS_EACH_WINDOW_H */
