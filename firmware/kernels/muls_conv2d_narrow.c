/* CONV_2D with few channels, int8, on cores with MULS only: a window at a time, as one row. */
#include "ws_kernels_muls.h"

static void one_row(const void *params, const int8_t *window, int8_t *output) {
    ws_fully_connected_muls(params, window, output);
}

void ws_conv2d_narrow_muls(const ws_window_walk *w, const ws_fully_connected_muls_params *p,
                           const int8_t *input, int8_t *output, int8_t *scratch) {
    ws_each_window(w, input, output, scratch, one_row, p);
}
