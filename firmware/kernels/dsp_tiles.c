/* CONV_2D on the DSP instructions: the walk over the output, for all kinds of weights. */
#include "ws_dsp_tiles.h"

#define WORD 4

/* Widen `count` bytes, a multiple of 4, into every fourth word; returns where to go on. */
static int8_t *widen(int8_t *to, const int8_t *from, int32_t count) {
    for (const int8_t *end = from + count; from < end; from += 4) {
        const uint32_t word = ws_load32(from);
        ws_store32(to, ws_even_bytes(word));
        ws_store32(to + WS_STEP, ws_odd_bytes(word));
        to += 2 * WS_STEP;
    }
    return to;
}

/* The same for a row of taps of which values begin <= i < end are there, the rest is padding. */
static int8_t *widen_part(int8_t *to, const int8_t *row, int32_t count, int32_t begin, int32_t end,
                          int32_t zero) {
    for (int32_t i = 0; i < count; i += 4) {
        int32_t value[4];
        for (int32_t k = 0; k < 4; k++) {
            value[k] = i + k >= begin && i + k < end ? row[i + k - begin] : zero;
        }
        ws_store32(to, ws_pair(value[0], value[2]));
        ws_store32(to + WS_STEP, ws_pair(value[1], value[3]));
        to += 2 * WS_STEP;
    }
    return to;
}

/* What the output position (oy, ox) sees. */
static void widen_window(const ws_conv2d_dsp_params *p, const int8_t *image, int32_t oy, int32_t ox,
                         int8_t *to) {
    const int32_t depth = p->input.channels;
    const int32_t run = p->filter.x * depth;
    const int32_t filled = (run + 3) & ~3;
    const int32_t top = oy * p->stride.y - p->padding.y;
    const int32_t left = ox * p->stride.x - p->padding.x;
    const ws_taps columns = ws_taps_inside(left, 1, p->filter.x, p->input.width);
    const int whole = columns.begin == 0 && columns.end == p->filter.x && filled == run;
    for (int32_t y = top; y < top + p->filter.y; y++) {
        const int inside = y >= 0 && y < p->input.height && columns.begin < columns.end;
        const int32_t first = inside ? (y * p->input.width + left + columns.begin) * depth : 0;
        if (whole && inside) {
            to = widen(to, image + first, run);
        } else {
            to = widen_part(to, image + first, filled, columns.begin * depth,
                            inside ? columns.end * depth : 0, p->input_zero);
        }
    }
}

void ws_tile_channel(const ws_dsp_outputs *o, int32_t index, const int32_t *doubled, int8_t *output,
                     int32_t step, int32_t positions) {
    const ws_rescale *r = &o->channels[index];
    const int32_t rounding = ws_rounding(o->output_offset, r->shift);
    for (int32_t i = 0; i < positions; i++) {
        *output = (int8_t)ws_rescale_s8(r, doubled[i] + r->bias, rounding);
        output += step;
    }
}

void ws_conv2d_tiles(const ws_conv2d_dsp_params *p, const int8_t *input, int8_t *output,
                     int8_t *scratch, ws_tile_function tile, const void *params) {
    const int32_t count = p->output.height * p->output.width;
    for (int32_t b = 0; b < p->batches; b++) {
        int32_t oy = 0, ox = 0;
        for (int32_t done = 0; done < count; done += WS_POSITIONS) {
            const int32_t left = count - done;
            const int32_t positions = left < WS_POSITIONS ? left : WS_POSITIONS;
            for (int32_t i = 0; i < positions; i++) {
                widen_window(p, input, oy, ox, scratch + WORD * i);
                if (++ox == p->output.width) {
                    ox = 0;
                    oy++;
                }
            }
            tile(params, scratch, output, positions);
            ws_clamp_outputs(&p->outputs, output, positions * p->output.channels);
            output += positions * p->output.channels;
        }
        input += p->input.height * p->input.width * p->input.channels;
    }
}
