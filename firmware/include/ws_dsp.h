/*
 * The DSP instructions of Cortex-M4, M7 and M33 that the fast kernels use, each beside the plain C
 * that says what it computes: Armv7-M Architecture Reference Manual (DDI 0403), A7.7. Cores without
 * them, and the host, compute the plain C, so that the same generated model runs everywhere.
 *
 * A "pair" is a 32-bit word of two int16, the first in the low half.
 */
#ifndef WS_DSP_H
#define WS_DSP_H

#include <stdint.h>

#include "ws_memory.h"

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define WS_HAS_DSP 1
#else
#define WS_HAS_DSP 0
#endif

/* MLA, SMULL and SSAT, but no DSP instructions: Armv7-M (Cortex-M3) and Armv8-M mainline without.
 */
#if !WS_HAS_DSP && (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_MAIN__))
#define WS_HAS_MLA 1
#else
#define WS_HAS_MLA 0
#endif

/* The inner loops are in assembly. */
#define WS_HAS_ASM (WS_HAS_DSP || WS_HAS_MLA)

/* Four bytes from any address; one LDR on the cores with DSP instructions. */
static inline uint32_t ws_load32(const void *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* The same from an address that is a multiple of 4; two neighbours may become one LDRD. */
static inline uint32_t ws_load32_aligned(const void *from) {
    return ws_load32(__builtin_assume_aligned(from, 4));
}

/* Scratch memory is bytes to C, whatever is kept in it; these are one store each. */
static inline void ws_store32(void *to, uint32_t word) {
    memcpy(__builtin_assume_aligned(to, 4), &word, sizeof word);
}

static inline void ws_store16(void *to, int32_t value) {
    const int16_t half = (int16_t)value;
    memcpy(__builtin_assume_aligned(to, 2), &half, sizeof half);
}

static inline int32_t ws_load16(const void *from) {
    int16_t half;
    memcpy(&half, __builtin_assume_aligned(from, 2), sizeof half);
    return half;
}

static inline int32_t ws_low16(uint32_t pair) {
    return (int16_t)(uint16_t)pair;
}

static inline int32_t ws_high16(uint32_t pair) {
    return (int16_t)(uint16_t)(pair >> 16);
}

static inline uint32_t ws_pair(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}

/* Bytes 0 and 2 as a pair: SXTB16. */
static inline uint32_t ws_even_bytes(uint32_t word) {
#if WS_HAS_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    return ws_pair((int8_t)(uint8_t)word, (int8_t)(uint8_t)(word >> 16));
#endif
}

/* Bytes 1 and 3 as a pair: SXTB16 with its operand rotated. */
static inline uint32_t ws_odd_bytes(uint32_t word) {
#if WS_HAS_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return ws_pair((int8_t)(uint8_t)(word >> 8), (int8_t)(uint8_t)(word >> 24));
#endif
}

/* Bytes 0 and 2 added to a pair, each half wrapping by itself: SXTAB16. */
static inline uint32_t ws_add_even_bytes(uint32_t pair, uint32_t word) {
#if WS_HAS_DSP
    __asm__("sxtab16 %0, %0, %1" : "+r"(pair) : "r"(word));
    return pair;
#else
    return ws_pair(ws_low16(pair) + (int8_t)(uint8_t)word,
                   ws_high16(pair) + (int8_t)(uint8_t)(word >> 16));
#endif
}

/* Bytes 1 and 3 added to a pair: SXTAB16 with its operand rotated. */
static inline uint32_t ws_add_odd_bytes(uint32_t pair, uint32_t word) {
#if WS_HAS_DSP
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(pair) : "r"(word));
    return pair;
#else
    return ws_add_even_bytes(pair, word >> 8);
#endif
}

/* The larger of each two of four int8: SSUB8 says which, SEL takes them. */
static inline uint32_t ws_larger_bytes(uint32_t a, uint32_t b) {
#if WS_HAS_DSP
    uint32_t larger;
    __asm__("ssub8 %0, %1, %2\n\t"
            "sel %0, %1, %2"
            : "=&r"(larger)
            : "r"(a), "r"(b)
            : "cc");
    return larger;
#else
    uint32_t larger = 0;
    for (int32_t k = 0; k < 32; k += 8) {
        const int8_t x = (int8_t)(uint8_t)(a >> k), y = (int8_t)(uint8_t)(b >> k);
        larger |= (uint32_t)(uint8_t)(x > y ? x : y) << k;
    }
    return larger;
#endif
}

/* sum + low * low + high * high, wrapping: SMLAD. */
static inline int32_t ws_dot_pair(uint32_t a, uint32_t b, int32_t sum) {
#if WS_HAS_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(ws_low16(a) * ws_low16(b)) +
                     (uint32_t)(ws_high16(a) * ws_high16(b)));
#endif
}

/* sum + low of a * high of b: SMLABT. */
static inline int32_t ws_low_by_high(uint32_t a, uint32_t b, int32_t sum) {
#if WS_HAS_DSP
    __asm__("smlabt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(ws_low16(a) * ws_high16(b)));
#endif
}

/* sum + high of a * low of b: SMLATB. */
static inline int32_t ws_high_by_low(uint32_t a, uint32_t b, int32_t sum) {
#if WS_HAS_DSP
    __asm__("smlatb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(ws_high16(a) * ws_low16(b)));
#endif
}

/* The upper half of a * b to the nearest, halves upwards: SMMULR. */
static inline int32_t ws_mul_upper(int32_t a, int32_t b) {
#if WS_HAS_DSP
    int32_t upper;
    __asm__("smmulr %0, %1, %2" : "=r"(upper) : "r"(a), "r"(b));
    return upper;
#elif defined(__ARM_ARCH_6M__)
    /* By halves, as there is no longer product: the middle ones on top of what they carry. */
    const int32_t low = (int32_t)((uint32_t)a & 0xFFFFu), factor = (int32_t)((uint32_t)b & 0xFFFFu);
    const int32_t carried = (int32_t)(((uint32_t)low * (uint32_t)factor) >> 16);
    const int32_t upper = (a >> 16) * factor + carried;
    const int32_t lower = low * (b >> 16) + (int32_t)((uint32_t)upper & 0xFFFFu);
    return (a >> 16) * (b >> 16) + (upper >> 16) + (lower >> 16) + (lower >> 15 & 1);
#else
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
#endif
}

/* Clamped to int8: SSAT. */
static inline int32_t ws_saturate8(int32_t x) {
#if WS_HAS_ASM
    int32_t clamped;
    __asm__("ssat %0, #8, %1" : "=r"(clamped) : "r"(x));
    return clamped;
#else
    return x < INT8_MIN ? INT8_MIN : (x > INT8_MAX ? INT8_MAX : x);
#endif
}

/* How the sums of one output channel become int8. */
typedef struct {
    int32_t bias;       /* twice the bias */
    int32_t multiplier; /* Q0.31 */
    int32_t shift;      /* to the right, 1 to 21 */
} ws_rescale;

/* Half a unit and the zero point, as they are before the shift; twice is 2 * zero point + 1. */
static inline int32_t ws_rounding_of(int32_t twice, int32_t shift) {
    return (twice * (1 << shift)) >> 1;
}

static inline int32_t ws_rounding(int32_t offset, int32_t shift) {
    return ws_rounding_of(2 * offset + 1, shift);
}

/*
 * From a doubled value to an integer: TFLite Micro's two roundings in five instructions.
 *
 * SMMULR(2a, m) = (2am + 2^31) >> 32 = (am + 2^30) >> 31, which is ws_mul_high(a, m); the generator
 * has seen that 2a fits. Halves are then rounded away from zero, which is upwards for values >= 0
 * and, for negative ones, upwards of the value less one: an arithmetic shift of the value itself
 * gives that -1.
 */
static inline int32_t ws_rescale_32(int32_t doubled, int32_t multiplier, int32_t rounding,
                                    int32_t shift) {
    const int32_t scaled = ws_mul_upper(doubled, multiplier);
    return (scaled + (scaled >> 31) + rounding) >> shift;
}

/* ws_to_s8 without its clamp to an activation's bounds, from twice the sum, bias included. */
static inline int32_t ws_rescale_s8(const ws_rescale *r, int32_t doubled, int32_t rounding) {
    return ws_saturate8(ws_rescale_32(doubled, r->multiplier, rounding, r->shift));
}

#endif /* WS_DSP_H */
