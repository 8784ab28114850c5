/*
 * What the kernels for Helium (MVE, Armv8.1-M) share: how sums become int8, and moving bytes.
 * Armv8-M Architecture Reference Manual (DDI 0553), C2.4. Without MVE the plain C of the kernels is
 * compiled, on the same data.
 */
#ifndef WS_MVE_H
#define WS_MVE_H

#include <stdint.h>

#include "ws_fixedpoint.h"
#include "ws_kernels_mve.h"
#include "ws_memory.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define WS_HAS_MVE 1
#include <arm_mve.h>
#else
#define WS_HAS_MVE 0
#endif

#define WS_MVE_BYTES 16 /* of a vector */
#define WS_MVE_EIGHT 8  /* channels whose constants are together */

/* A channel's place in a block of constants: the even ones of eight are first. */
static inline int32_t ws_mve_lane(int32_t channel) {
    return channel / WS_MVE_EIGHT * 3 * WS_MVE_EIGHT + (channel % 2) * 4 + channel % 8 / 2;
}

/* One sum, of a channel whose constants are in blocks of eight, to int8. */
static inline int8_t ws_mve_output(const ws_mve_outputs *o, const int32_t *blocks, int32_t channel,
                                   int32_t sum) {
    const int32_t *lane = blocks + ws_mve_lane(channel);
    return ws_to_s8(ws_add_wrap(sum, lane[0]), lane[WS_MVE_EIGHT], lane[2 * WS_MVE_EIGHT],
                    o->output_offset, o->activation_min, o->activation_max);
}

#if WS_HAS_MVE

/* `count` bytes, none behind either end: 3 instructions per 16. The places do not overlap. */
static inline void ws_mve_copy(int8_t *to, const int8_t *from, int32_t count) {
    __asm__ volatile("wlstp.8 lr, %2, 2f\n\t"
                     "1:\n\t"
                     "vldrb.8 q0, [%1], #16\n\t"
                     "vstrb.8 q0, [%0], #16\n\t"
                     "letp lr, 1b\n\t"
                     "2:\n\t"
                     : "+r"(to), "+r"(from)
                     : "r"(count)
                     : "lr", "q0", "memory");
}

/* The same byte `count` times. */
static inline void ws_mve_fill(int8_t *to, int32_t value, int32_t count) {
    __asm__ volatile("vdup.8 q0, %2\n\t"
                     "wlstp.8 lr, %1, 2f\n\t"
                     "1:\n\t"
                     "vstrb.8 q0, [%0], #16\n\t"
                     "letp lr, 1b\n\t"
                     "2:\n\t"
                     : "+r"(to)
                     : "r"(count), "r"(value)
                     : "lr", "q0", "memory");
}

/*
 * x * multiplier / 2^31 / 2^-shift, rounded twice as ws_requantize does.
 *
 * VQRDMULH is (2 x m + 2^31) >> 32 = (x m + 2^30) >> 31, which is ws_mul_high (nothing saturates: m
 * is not negative). VRSHL by a negative number adds half a unit and shifts: halves upwards. For
 * halves away from zero a negative value is made one less before, which moves no other one across a
 * boundary.
 */
static WS_INLINE int32x4_t ws_mve_requantize(int32x4_t x, int32x4_t multiplier, int32x4_t shift,
                                             int32_t any_shift) {
    if (any_shift) { /* a left one comes first, and only a right one has ties to mend */
        const int32x4_t none = vdupq_n_s32(0);
        const int32x4_t scaled = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, none)), multiplier);
        const int32x4_t mended = vaddq_s32(scaled, vshrq_n_s32(vandq_s32(scaled, shift), 31));
        return vrshlq_s32(mended, vminq_s32(shift, none));
    }
    const int32x4_t scaled = vqrdmulhq_s32(x, multiplier);
    return vrshlq_s32(vaddq_s32(scaled, vshrq_n_s32(scaled, 31)), shift);
}

/*
 * Two vectors to eight int16 lanes, `evens` in the lanes 0, 2, 4, 6; then the zero point and the
 * bounds of the activation. int16 holds what saturates there: |zero point| is at most 128.
 */
static inline int16x8_t ws_mve_narrow(const ws_mve_outputs *o, int32x4_t evens, int32x4_t odds) {
    int16x8_t both = vqmovnbq_s32(vdupq_n_s16(0), evens);
    both = vqmovntq_s32(both, odds);
    both = vqaddq_n_s16(both, (int16_t)o->output_offset);
    both = vmaxq_s16(both, vdupq_n_s16((int16_t)o->activation_min));
    return vminq_s16(both, vdupq_n_s16((int16_t)o->activation_max));
}

/* The sums of eight channels, their even ones first, to int16 lanes in the channels' order. */
static inline int16x8_t ws_mve_eight(const ws_mve_outputs *o, const int32_t *block, int32x4_t evens,
                                     int32x4_t odds) {
    evens = vaddq_s32(evens, vldrwq_s32(block));
    odds = vaddq_s32(odds, vldrwq_s32(block + 4));
    const int32_t any = o->any_shift;
    evens = ws_mve_requantize(evens, vldrwq_s32(block + 8), vldrwq_s32(block + 16), any);
    odds = ws_mve_requantize(odds, vldrwq_s32(block + 12), vldrwq_s32(block + 20), any);
    return ws_mve_narrow(o, evens, odds);
}

#else

static inline void ws_mve_copy(int8_t *to, const int8_t *from, int32_t count) {
    memcpy(to, from, (size_t)count);
}

static inline void ws_mve_fill(int8_t *to, int32_t value, int32_t count) {
    memset(to, value, (size_t)count);
}

#endif

#endif /* WS_MVE_H */
