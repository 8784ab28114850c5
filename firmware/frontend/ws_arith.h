/*
 * The few operations of the front-end that cores do differently. Each has two forms of equal value:
 * one for cores with a 32x32 -> 64 multiplier, one (WS_NARROW_MULTIPLY) for Cortex-M0, M0+ and M23.
 *
 * Right shifts of negative numbers are arithmetic and conversions to a narrower signed type keep
 * the low bits, as GCC, clang and Arm's compilers promise.
 */
#ifndef WS_ARITH_H
#define WS_ARITH_H

#include <stdint.h>

#if !defined(WS_NARROW_MULTIPLY) && (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__))
#define WS_NARROW_MULTIPLY 1
#endif

/* For functions that are worth a copy per constant argument. */
#if defined(__GNUC__)
#define WS_INLINE inline __attribute__((always_inline))
#else
#define WS_INLINE inline
#endif

/* cos and sin (Q15) of an angle in one word: cos in the low half. */
static inline int16_t ws_cos(uint32_t turn) {
    return (int16_t)(uint16_t)(turn & 0xffffu);
}

static inline int16_t ws_sin(uint32_t turn) {
    return (int16_t)(uint16_t)(turn >> 16);
}

/* floor(a * w / 65536). */
static inline int32_t ws_mulw(int32_t a, int16_t w) {
#if defined(WS_NARROW_MULTIPLY)
    const uint32_t low = (uint32_t)a & 0xffffu;
    return (a >> 16) * w + (((int32_t)low * w) >> 16);
#elif defined(__clang__)
    return (int32_t)(((int64_t)a * w) >> 16); /* SMULWB, SMLAWB */
#else
    return (int32_t)(((int64_t)a * ((int32_t)w * 65536)) >> 32); /* high half of SMULL */
#endif
}

/* Number of bits of x, 0 for 0. */
static inline uint32_t ws_bits(uint32_t x) {
#if defined(__GNUC__) && !defined(WS_NARROW_MULTIPLY)
    return x == 0u ? 0u : 32u - (uint32_t)__builtin_clz(x);
#else
    uint32_t bits = 0u;
    if (x >> 16 != 0u) {
        x >>= 16;
        bits += 16u;
    }
    if (x >> 8 != 0u) {
        x >>= 8;
        bits += 8u;
    }
    if (x >> 4 != 0u) {
        x >>= 4;
        bits += 4u;
    }
    if (x >> 2 != 0u) {
        x >>= 2;
        bits += 2u;
    }
    return bits + (x > 1u ? 2u : x);
#endif
}

#endif /* WS_ARITH_H */
