/*
 * QUANTIZE from float and DEQUANTIZE to float, at the edges of a model. Floats are moved with
 * memcpy, because the arena is an array of bytes.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels.h"
#include "ws_memory.h"

/* Nearest integer, halves away from zero, for |x| <= 1024; the difference is exact. */
static int32_t round_half_away(float x) {
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    if (rest >= 0.5f) {
        return whole + 1;
    }
    return rest <= -0.5f ? whole - 1 : whole;
}

void ws_quantize_f32_s8(const ws_quantize_params *p, const void *input, int8_t *output) {
    const uint8_t *in = input;
    for (int32_t i = 0; i < p->size; i++) {
        float x;
        memcpy(&x, in, sizeof x);
        in += sizeof x;
        x /= p->scale;
        x = x == x ? x : 0.0f; /* what is not a number gives the zero point */
        x = x > -1024.0f ? x : -1024.0f;
        x = x < 1024.0f ? x : 1024.0f;
        output[i] = (int8_t)ws_clamp(round_half_away(x) + p->zero_point, INT8_MIN, INT8_MAX);
    }
}

void ws_dequantize_s8_f32(const ws_quantize_params *p, const int8_t *input, void *output) {
    uint8_t *out = output;
    for (int32_t i = 0; i < p->size; i++) {
        const float x = p->scale * (float)(input[i] - p->zero_point);
        memcpy(out, &x, sizeof x);
        out += sizeof x;
    }
}
