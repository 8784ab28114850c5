/*
 * MAX_POOL_2D and AVERAGE_POOL_2D for evaluation on a desktop or server: what
 * firmware/kernels/pool2d.c defines, 16 channels at a time.
 */
#include "ws_host.h"

typedef int8_t ws_pool2d_value;
#include "ws_pool2d_walk.h"

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

/* Sums, or the largest, of 16 channels under a window; `first` is the first of them. */
static WS_INLINE ws_i32x16 over(const ws_pool2d_params *p, const rectangle *r, const int8_t *first,
                                int32_t left, int max) {
    ws_i32x16 found = ws_everywhere(max ? INT8_MIN : 0);
    for (int32_t y = 0; y < r->rows; y++) {
        const int8_t *from = first;
        for (int32_t x = 0; x < r->columns; x++) {
            const ws_i32x16 values = some(from, left);
            found = max ? ws_chosen(values > found, values, found) : found + values;
            from += p->input.channels;
        }
        first += r->pitch;
    }
    return found;
}

/* To the nearest integer, halves away from zero. A sum is below 2^31, and so is what is divided:
 * the quotient of doubles, cut off, is that of the integers. */
static WS_INLINE ws_i32x16 divided(ws_i32x16 sum, int32_t count) {
    const ws_i32x16 half = ws_everywhere(count / 2);
    const ws_i32x16 raised = ws_chosen(sum > 0, sum + half, sum - half);
    const ws_f64x16 exact = __builtin_convertvector(raised, ws_f64x16) / (double)count;
    return __builtin_convertvector(exact, ws_i32x16);
}

static WS_INLINE void all_channels(const ws_pool2d_params *p, const rectangle *r, int8_t *output,
                                   int max) {
    const int32_t depth = p->input.channels;
    const ws_i32x16 lowest = ws_everywhere(p->activation_min);
    const ws_i32x16 highest = ws_everywhere(p->activation_max);
    for (int32_t c = 0; c < depth; c += WS_LANES) {
        const int32_t left = depth - c;
        const ws_i32x16 found = over(p, r, r->first + c, left, max);
        const ws_i32x16 value = max ? found : divided(found, r->rows * r->columns);
        const ws_i8x16 bytes = ws_bounded_x16(value, lowest, highest);
        memcpy(output + c, &bytes, left >= WS_LANES ? sizeof bytes : (size_t)left);
    }
}

static void largest(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    all_channels(p, r, output, 1);
}

static void average(const ws_pool2d_params *p, const rectangle *r, int8_t *output) {
    all_channels(p, r, output, 0);
}

void ws_max_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, largest);
}

void ws_average_pool2d_s8(const ws_pool2d_params *p, const int8_t *input, int8_t *output) {
    all_positions(p, input, output, average);
}
