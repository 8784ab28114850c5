/*
 * MAX_POOL_2D and AVERAGE_POOL_2D for evaluation on a desktop or server: what
 * firmware/kernels/pool2d.c defines, 16 channels at a time.
 */
#include "ws_host.h"
#include "ws_taps.h"

typedef double ws_f64x16 __attribute__((vector_size(128)));

/* 16 channels of a value and the `left` first of them where there are fewer. */
static WS_INLINE ws_i32x16 some(const int8_t *from, int32_t left) {
    ws_i8x16 bytes = {0};
    if (left >= WS_LANES) {
        memcpy(&bytes, from, sizeof bytes);
    } else {
        memcpy(&bytes, from, (size_t)left);
    }
    return __builtin_convertvector(bytes, ws_i32x16);
}

/* Sums, or the largest, of 16 channels under a window of which something is inside the input. */
static WS_INLINE ws_i32x16 over(const ws_pool2d_params *p, const int8_t *first, ws_taps rows,
                                ws_taps columns, int32_t left, int largest) {
    const int32_t depth = p->input.channels;
    ws_i32x16 found = (largest ? INT8_MIN : 0) - (ws_i32x16){0};
    for (int32_t y = rows.begin; y < rows.end; y++) {
        const int8_t *from = first;
        for (int32_t x = columns.begin; x < columns.end; x++) {
            const ws_i32x16 values = some(from, left);
            found = largest ? ws_chosen(values > found, values, found) : found + values;
            from += depth;
        }
        first += p->input.width * depth;
    }
    return found;
}

/* To the nearest integer, halves away from zero. A sum is below 2^31, and so is what is divided:
 * the quotient of doubles, cut off, is that of the integers. */
static WS_INLINE ws_i32x16 divided(ws_i32x16 sum, int32_t count) {
    const ws_i32x16 half = count / 2 - (ws_i32x16){0};
    const ws_i32x16 raised = ws_chosen(sum > 0, sum + half, sum - half);
    const ws_f64x16 quotient = __builtin_convertvector(raised, ws_f64x16) / (double)count;
    return __builtin_convertvector(quotient, ws_i32x16);
}

static WS_INLINE void pool(const ws_pool2d_params *p, const int8_t *input, int8_t *output,
                           int largest) {
    const int32_t depth = p->input.channels;
    const ws_i32x16 least = p->activation_min - (ws_i32x16){0};
    const ws_i32x16 most = p->activation_max - (ws_i32x16){0};
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < p->output.height; oy++) {
            const int32_t top = oy * p->stride.y - p->padding.y;
            const ws_taps rows = ws_taps_inside(top, 1, p->window.y, p->input.height);
            for (int32_t ox = 0; ox < p->output.width; ox++) {
                const int32_t side = ox * p->stride.x - p->padding.x;
                const ws_taps columns = ws_taps_inside(side, 1, p->window.x, p->input.width);
                const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
                const int32_t first = (top + rows.begin) * p->input.width + side + columns.begin;
                for (int32_t c = 0; c < depth; c += WS_LANES) {
                    const int32_t left = depth - c;
                    const int8_t *from = input + (count > 0 ? first * depth + c : 0);
                    ws_i32x16 value = over(p, from, rows, columns, left, largest);
                    value = largest ? value : divided(value, count);
                    value = ws_chosen(value < least, least, value);
                    value = ws_chosen(value > most, most, value);
                    const ws_i8x16 bytes = __builtin_convertvector(value, ws_i8x16);
                    memcpy(output + c, &bytes, left >= WS_LANES ? sizeof bytes : (size_t)left);
                }
                output += depth;
            }
        }
        input += p->input.height * p->input.width * depth;
    }
}

void ws_max_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    pool(p, input, output, 1);
}

void ws_average_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    pool(p, input, output, 0);
}
