/* QUANTIZE to or from int16 or to int32, RELU of int16: another scale, other zero points, a clamp.
 */
#include "ws_fixedpoint.h"
#include "ws_kernels_s16.h"
#include "ws_memory.h"

/* The clamp comes before the offset, with moved bounds, so that no sum can overflow. */
static int32_t rescaled(const ws_rescale_params *p, int32_t x) {
    const int32_t scaled = ws_requantize(x + p->input_offset, p->multiplier, p->shift);
    const int32_t offset = p->output_offset;
    return ws_clamp(scaled, p->low - offset, p->high - offset) + offset;
}

void ws_rescale_s8_s16(const ws_rescale_params *p, const int8_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        output[i] = (int16_t)rescaled(p, input[i]);
    }
}

void ws_rescale_s16_s8(const ws_rescale_params *p, const int16_t *input, int8_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        output[i] = (int8_t)rescaled(p, input[i]);
    }
}

void ws_rescale_s16_s16(const ws_rescale_params *p, const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        output[i] = (int16_t)rescaled(p, input[i]);
    }
}

void ws_rescale_s8_s32(const ws_rescale_params *p, const int8_t *input, void *output) {
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t value = rescaled(p, input[i]);
        memcpy((uint8_t *)output + i * 4, &value, sizeof value);
    }
}

void ws_rescale_s16_s32(const ws_rescale_params *p, const int16_t *input, void *output) {
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t value = rescaled(p, input[i]);
        memcpy((uint8_t *)output + i * 4, &value, sizeof value);
    }
}
