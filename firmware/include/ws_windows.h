/* What one output position of a convolution sees of its input, for the kernels of all widths. */
#ifndef WS_WINDOWS_H
#define WS_WINDOWS_H

#include "ws_kernels.h"
#include "ws_taps.h"

/* The taps of one output position that are inside the input. */
typedef struct {
    ws_taps rows;
    ws_taps columns;
    int32_t top; /* row and column of the input under tap 0, which may be outside */
    int32_t left;
} ws_window;

/* Parameters of any convolution, which begin with WS_CONVOLUTION_SIZES, and an output position. */
#define WS_WINDOW_AT(p, oy, ox)                                                                    \
    ws_window_at((p)->input, (p)->filter, (p)->dilation, (oy) * (p)->stride.y - (p)->padding.y,    \
                 (ox) * (p)->stride.x - (p)->padding.x)

static WS_INLINE ws_window ws_window_at(ws_shape input, ws_yx filter, ws_yx dilation, int32_t top,
                                        int32_t left) {
    const ws_window w = {
        .rows = ws_taps_inside(top, dilation.y, filter.y, input.height),
        .columns = ws_taps_inside(left, dilation.x, filter.x, input.width),
        .top = top,
        .left = left,
    };
    return w;
}

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
    const ws_window inside = WS_WINDOW_AT(p, oy, ox);
    const int32_t across = inside.columns.end - inside.columns.begin;
    const int contiguous = p->dilation.x == 1 && p->groups == 1;
    const int32_t y = inside.top + inside.rows.begin * p->dilation.y;
    const int32_t x = inside.left + inside.columns.begin * p->dilation.x;
    ws_conv_window w;
    w.rows = across > 0 ? inside.rows.end - inside.rows.begin : 0;
    w.runs = contiguous ? 1 : across;
    w.run = contiguous ? across * depth : depth;
    w.input = w.rows > 0 ? image + (y * p->input.width + x) * p->input.channels : image;
    w.weight_start =
        w.rows > 0 ? (inside.rows.begin * p->filter.x + inside.columns.begin) * depth : 0;
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
    const ws_window inside = WS_WINDOW_AT(p, oy, ox);
    const int32_t y = inside.top + inside.rows.begin * p->dilation.y;
    const int32_t x = inside.left + inside.columns.begin * p->dilation.x;
    const int32_t across = inside.columns.end - inside.columns.begin;
    const int32_t down = across > 0 ? inside.rows.end - inside.rows.begin : 0;
    const ws_depthwise_window w = {
        .input_start = down > 0 ? (y * p->input.width + x) * p->input.channels : 0,
        .tap_start = inside.rows.begin * p->filter.x + inside.columns.begin,
        .rows = down,
        .columns = across,
        .input_row = p->dilation.y * p->input.width * p->input.channels,
        .input_column = p->dilation.x * p->input.channels,
    };
    return w;
}

#endif /* WS_WINDOWS_H */
