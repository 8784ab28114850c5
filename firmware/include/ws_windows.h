/* What one output position of a convolution sees of its input, for the kernels of all widths. */
#ifndef WS_WINDOWS_H
#define WS_WINDOWS_H

#include "ws_kernels.h"
#include "ws_taps.h"

/*
 * The part of the input that one output position sees. Neighbouring columns are contiguous in input
 * and filter when the dilation is 1, so a row of taps is then a single run of values.
 */
typedef struct {
    const int8_t *input;  /* first value of the first tap that is inside, group 0 */
    int32_t weight_start; /* its position in the filter of one output channel */
    int32_t rows;         /* rows of taps inside */
    int32_t runs;         /* runs per row */
    int32_t run;          /* values per run */
    int32_t input_row;    /* values from one row of taps to the next */
    int32_t input_step;   /* values from one run to the next */
    int32_t weight_row;
    int32_t weight_step;
} ws_conv_window;

static inline ws_conv_window ws_conv_window_at(const ws_conv2d_params *p, const int8_t *image,
                                               int32_t oy, int32_t ox) {
    const int32_t depth = p->input.channels / p->groups;
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t across = columns.end - columns.begin;
    const int contiguous = p->dilation.x == 1 && p->groups == 1;
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    ws_conv_window w;
    w.rows = across > 0 ? rows.end - rows.begin : 0;
    w.runs = contiguous ? 1 : across;
    w.run = contiguous ? across * depth : depth;
    w.input = w.rows > 0 ? image + (y * p->input.width + x) * p->input.channels : image;
    w.weight_start = w.rows > 0 ? (rows.begin * p->filter.x + columns.begin) * depth : 0;
    w.input_row = p->dilation.y * p->input.width * p->input.channels;
    w.input_step = p->dilation.x * p->input.channels;
    w.weight_row = p->filter.x * depth;
    w.weight_step = depth;
    return w;
}

/* The taps of one output position of DEPTHWISE_CONV_2D that are inside the input. */
typedef struct {
    int32_t input_start; /* channel 0 of the first tap */
    int32_t tap_start;   /* the first tap, counted row by row */
    int32_t rows;
    int32_t columns;
    int32_t input_row; /* values from one row of taps to the next */
    int32_t input_column;
} ws_depthwise_window;

static inline ws_depthwise_window ws_depthwise_window_at(const ws_depthwise_conv2d_params *p,
                                                         int32_t oy, int32_t ox) {
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps rows = ws_taps_inside(top, p->dilation.y, p->filter.y, p->input.height);
    const ws_taps columns = ws_taps_inside(left, p->dilation.x, p->filter.x, p->input.width);
    const int32_t y = top + rows.begin * p->dilation.y;
    const int32_t x = left + columns.begin * p->dilation.x;
    const int32_t across = columns.end - columns.begin;
    const int32_t down = across > 0 ? rows.end - rows.begin : 0;
    const ws_depthwise_window w = {
        .input_start = down > 0 ? (y * p->input.width + x) * p->input.channels : 0,
        .tap_start = rows.begin * p->filter.x + columns.begin,
        .rows = down,
        .columns = across,
        .input_row = p->dilation.y * p->input.width * p->input.channels,
        .input_column = p->dilation.x * p->input.channels,
    };
    return w;
}

#endif /* WS_WINDOWS_H */
