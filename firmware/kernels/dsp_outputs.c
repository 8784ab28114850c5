/* The bounds of an activation, after the DSP kernels have written int8. */
#include "ws_dsp_outputs.h"

/* Four int8 at once: SSUB8 says for each whether it is at least the other, SEL takes those. */
static inline uint32_t bound_four(uint32_t word, uint32_t low, uint32_t high) {
#if WS_HAS_DSP
    uint32_t difference;
    __asm__("ssub8 %1, %0, %2\n\t"
            "sel %0, %0, %2\n\t"
            "ssub8 %1, %3, %0\n\t"
            "sel %0, %0, %3\n\t"
            : "+r"(word), "=&r"(difference)
            : "r"(low), "r"(high)
            : "cc");
    return word;
#else
    uint32_t bounded = 0;
    for (int32_t k = 0; k < 32; k += 8) {
        const int32_t value =
            ws_clamp((int8_t)(uint8_t)(word >> k), (int8_t)(uint8_t)low, (int8_t)(uint8_t)high);
        bounded |= ((uint32_t)value & 255u) << k;
    }
    return bounded;
#endif
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
