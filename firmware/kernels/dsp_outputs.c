/* The bounds of an activation, after the DSP kernels have written int8. */
#include "ws_dsp_outputs.h"

#if WS_HAS_DSP

/* Four int8 at once: SSUB8 says for each whether it is at least the other, SEL takes those. */
static inline uint32_t bound_four(uint32_t word, uint32_t low, uint32_t high) {
    uint32_t difference;
    __asm__("ssub8 %1, %0, %2\n\t"
            "sel %0, %0, %2\n\t"
            "ssub8 %1, %3, %0\n\t"
            "sel %0, %0, %3\n\t"
            : "+r"(word), "=&r"(difference)
            : "r"(low), "r"(high)
            : "cc");
    return word;
}

void ws_bound(const ws_dsp_outputs *o, int8_t *output, int32_t count) {
    if (ws_whole_range(o)) {
        return;
    }
    const uint32_t low = ((uint32_t)o->activation_min & 255u) * 0x01010101u;
    const uint32_t high = ((uint32_t)o->activation_max & 255u) * 0x01010101u;
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint32_t word = bound_four(ws_load32(output + i), low, high);
        memcpy(output + i, &word, sizeof word);
    }
    for (; i < count; i++) {
        output[i] = (int8_t)ws_clamp(output[i], o->activation_min, o->activation_max);
    }
}

#else

/* Most values are within the bounds, and most layers have one bound that is int8's. */
void ws_bound(const ws_dsp_outputs *o, int8_t *output, int32_t count) {
    const int8_t low = (int8_t)o->activation_min, high = (int8_t)o->activation_max;
    const int8_t *const end = output + count;
    if (high != INT8_MAX) {
        for (int8_t *at = output; at < end; at++) {
            if (*at > high) {
                *at = high;
            }
        }
    }
    if (low != INT8_MIN) {
        for (int8_t *at = output; at < end; at++) {
            if (*at < low) {
                *at = low;
            }
        }
    }
}

#endif
