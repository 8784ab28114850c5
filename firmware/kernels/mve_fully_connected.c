/* FULLY_CONNECTED, int8, on Helium: eight units at a time. */
#include "ws_mve.h"

#if WS_HAS_MVE

/* Sums of four units. */
typedef struct {
    int32_t a, b, c, d;
} sums;

/* 16 inputs by four units: with the load of the inputs 9 instructions for 64 multiplications. */
static WS_INLINE void add_chunk(sums *s, int8x16_t values, const int8_t *weights) {
    s->a = vmladavaq_s8(s->a, values, vldrbq_s8(weights));
    s->b = vmladavaq_s8(s->b, values, vldrbq_s8(weights + WS_MVE_BYTES));
    s->c = vmladavaq_s8(s->c, values, vldrbq_s8(weights + 2 * WS_MVE_BYTES));
    s->d = vmladavaq_s8(s->d, values, vldrbq_s8(weights + 3 * WS_MVE_BYTES));
}

/* Inputs behind the end are not read: their lanes are 0, and the last load is predicated. */
static inline int32x4_t four_units(const int8_t *x, const int8_t *weights, int32_t depth) {
    sums s = {0, 0, 0, 0};
    int32_t left = depth;
    for (; left >= WS_MVE_BYTES; left -= WS_MVE_BYTES) {
        add_chunk(&s, vldrbq_s8(x), weights);
        x += WS_MVE_BYTES;
        weights += 4 * WS_MVE_BYTES;
    }
    if (left > 0) {
        add_chunk(&s, vldrbq_z_s8(x, vctp8q((uint32_t)left)), weights);
    }
    int32x4_t lanes = vdupq_n_s32(s.a);
    lanes = vsetq_lane_s32(s.b, lanes, 1);
    lanes = vsetq_lane_s32(s.c, lanes, 2);
    return vsetq_lane_s32(s.d, lanes, 3);
}

static void eight_units(const ws_fully_connected_mve_params *p, const int8_t *x,
                        const int8_t *weights, const int32_t *block, int8_t *output) {
    const int32x4_t evens = four_units(x, weights, p->depth);
    const int32x4_t odds = four_units(x, weights + 4 * WS_MVE_BYTES * p->chunks, p->depth);
    vstrbq_s16(output, ws_mve_eight(&p->outputs, block, evens, odds));
}

static int32_t one_unit(const int8_t *x, const int8_t *weights, int32_t depth) {
    int32_t sum = 0;
    for (int32_t left = depth; left > 0; left -= WS_MVE_BYTES) {
        const int8x16_t values = vldrbq_z_s8(x, vctp8q((uint32_t)left));
        sum = vmladavaq_s8(sum, values, vldrbq_s8(weights));
        x += WS_MVE_BYTES;
        weights += WS_MVE_BYTES;
    }
    return sum;
}

#else

/* `step` bytes from one chunk of weights to the next. */
static int32_t dot(const int8_t *x, const int8_t *weights, int32_t depth, int32_t step) {
    int32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        sum += x[i] * weights[i / WS_MVE_BYTES * step + i % WS_MVE_BYTES];
    }
    return sum;
}

static void eight_units(const ws_fully_connected_mve_params *p, const int8_t *x,
                        const int8_t *weights, const int32_t *block, int8_t *output) {
    for (int32_t i = 0; i < WS_MVE_EIGHT; i++) {
        const int8_t *own = weights + (i % 2 * 4 * p->chunks + i / 2) * WS_MVE_BYTES;
        const int32_t sum = dot(x, own, p->depth, 4 * WS_MVE_BYTES);
        output[i] = ws_mve_output(&p->outputs, block, i, sum);
    }
}

static int32_t one_unit(const int8_t *x, const int8_t *weights, int32_t depth) {
    return dot(x, weights, depth, WS_MVE_BYTES);
}

#endif

void ws_fully_connected_mve(const ws_fully_connected_mve_params *p, const int8_t *input,
                            int8_t *output) {
    const int32_t size = p->chunks * WS_MVE_BYTES; /* of a unit's weights */
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *weights = p->weights;
        int32_t unit = 0;
        for (; unit + WS_MVE_EIGHT <= p->units; unit += WS_MVE_EIGHT) {
            eight_units(p, input, weights, p->blocks + 3 * unit, output + unit);
            weights += WS_MVE_EIGHT * size;
        }
        for (; unit < p->units; unit++) {
            output[unit] =
                ws_mve_output(&p->outputs, p->blocks, unit, one_unit(input, weights, p->depth));
            weights += size;
        }
        input += p->depth;
        output += p->units;
    }
}
