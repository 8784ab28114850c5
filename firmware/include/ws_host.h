/*
 * Vectors for the kernels that evaluate models on a desktop or server: 16 channels at a time.
 *
 * Written with the vector extension of GCC and clang, which any processor computes; where a
 * processor has an instruction for what takes many operations otherwise (AVX-512 VNNI, AVX2), it
 * is used, with the same result. -march decides.
 */
#ifndef WS_HOST_H
#define WS_HOST_H

#include <stdint.h>

#include "ws_kernels.h"
#include "ws_memory.h"

#if defined(__AVX512VNNI__) || defined(__AVX2__)
#include <immintrin.h>
#endif

/* All functions with vectors are inlined, so how they would be passed does not matter. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define WS_LANES 16
#define WS_VECTOR 64 /* bytes */

typedef int32_t ws_i32x16 __attribute__((vector_size(64)));
typedef uint32_t ws_u32x16 __attribute__((vector_size(64)));
typedef int64_t ws_i64x16 __attribute__((vector_size(128)));
typedef int8_t ws_i8x16 __attribute__((vector_size(16)));
typedef uint8_t ws_u8x16 __attribute__((vector_size(16)));
typedef uint8_t ws_u8x32 __attribute__((vector_size(32)));
typedef uint16_t ws_u16x16 __attribute__((vector_size(32)));
typedef uint16_t ws_u16x32 __attribute__((vector_size(64)));
typedef uint8_t ws_u8x64 __attribute__((vector_size(64)));
typedef int8_t ws_i8x64 __attribute__((vector_size(64)));

/* int8 as unsigned, 128 more: what the dot product's first operand must be. */
#define WS_UNSIGNED(value) ((uint8_t)((uint8_t)(value) ^ 0x80u))

static WS_INLINE ws_i32x16 ws_load_i32x16(const int32_t *from) {
    ws_i32x16 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static WS_INLINE ws_i8x64 ws_load_i8x64(const int8_t *from) {
    ws_i8x64 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static WS_INLINE ws_u8x64 ws_load_u8x64(const uint8_t *from) {
    ws_u8x64 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static WS_INLINE ws_u8x16 ws_load_u8x16(const uint8_t *from) {
    ws_u8x16 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static WS_INLINE ws_i32x16 ws_everywhere(int32_t value) {
    return value - (ws_i32x16){0};
}

/* The same four bytes in every lane. */
static WS_INLINE ws_u8x64 ws_four_everywhere(const uint8_t *from) {
    uint32_t four;
    memcpy(&four, from, sizeof four);
    const ws_u32x16 vector = four - (ws_u32x16){0};
    return (ws_u8x64)vector;
}

/* sum + the products of the four bytes of each lane, wrapping: VPDPBUSD. */
static WS_INLINE ws_i32x16 ws_dot4(ws_i32x16 sum, ws_u8x64 x, ws_i8x64 w) {
#if defined(__AVX512VNNI__)
    return (ws_i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
    /* VPMADDUBSW adds two products in int16, saturating; with half of x they are 2 * 128 * 128 at
     * most, and -2 * 128 * 128 fits: x / 2 and the rest of x are taken one after the other. */
    typedef uint8_t u8x32 __attribute__((vector_size(32)));
    const __m256i ones = _mm256_set1_epi16(1);
    for (int32_t half = 0; half < 2; half++) {
        __m256i values, weights, total;
        memcpy(&values, (const char *)&x + 32 * half, sizeof values);
        memcpy(&weights, (const char *)&w + 32 * half, sizeof weights);
        memcpy(&total, (const char *)&sum + 32 * half, sizeof total);
        const u8x32 less = (u8x32)values >> 1;
        const u8x32 more = (u8x32)values - less;
        const __m256i a = _mm256_maddubs_epi16((__m256i)less, weights);
        const __m256i b = _mm256_maddubs_epi16((__m256i)more, weights);
        total = _mm256_add_epi32(total, _mm256_madd_epi16(a, ones));
        total = _mm256_add_epi32(total, _mm256_madd_epi16(b, ones));
        memcpy((char *)&sum + 32 * half, &total, sizeof total);
    }
    return sum;
#else
    for (int32_t lane = 0; lane < WS_LANES; lane++) {
        int32_t products = 0;
        for (int32_t i = 4 * lane; i < 4 * lane + 4; i++) {
            products += x[i] * w[i];
        }
        sum[lane] = (int32_t)((uint32_t)sum[lane] + (uint32_t)products);
    }
    return sum;
#endif
}

/* Byte i of a, b, c, d in lane i. */
static WS_INLINE ws_u8x64 ws_interleave4(ws_u8x16 a, ws_u8x16 b, ws_u8x16 c, ws_u8x16 d) {
    const ws_u8x32 ab =
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24,
                                9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const ws_u8x32 cd =
        __builtin_shufflevector(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24,
                                9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const ws_u16x32 all = __builtin_shufflevector((ws_u16x16)ab, (ws_u16x16)cd, 0, 16, 1, 17, 2, 18,
                                                  3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25,
                                                  10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return (ws_u8x64)all;
}

/* The upper half of a * b to the nearest, halves upwards, as SMMULR gives it (ws_dsp.h). */
static WS_INLINE ws_i32x16 ws_mul_upper_x16(ws_i32x16 a, ws_i32x16 b) {
#if defined(__AVX512F__)
    /* Products of even lanes and of odd lanes; the upper halves of both are then put together. */
    const __m512i half = _mm512_set1_epi64((int64_t)1 << 31);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32((__m512i)a, (__m512i)b), half);
    const __m512i odd = _mm512_add_epi64(
        _mm512_mul_epi32(_mm512_srli_epi64((__m512i)a, 32), _mm512_srli_epi64((__m512i)b, 32)),
        half);
    const __mmask16 odd_lanes = 0xAAAA;
    return (ws_i32x16)_mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), odd_lanes, odd);
#else
    const ws_i64x16 product =
        __builtin_convertvector(a, ws_i64x16) * __builtin_convertvector(b, ws_i64x16);
    return __builtin_convertvector((product + ((int64_t)1 << 31)) >> 32, ws_i32x16);
#endif
}

/* a where the mask has all bits, b where it has none. */
static WS_INLINE ws_i32x16 ws_chosen(ws_i32x16 mask, ws_i32x16 a, ws_i32x16 b) {
    return (a & mask) | (b & ~mask);
}

/* Clamped to the bounds of int8 or of an activation. */
static WS_INLINE ws_i8x16 ws_bounded_x16(ws_i32x16 value, ws_i32x16 least, ws_i32x16 most) {
    value = ws_chosen(value < least, least, value);
    value = ws_chosen(value > most, most, value);
    return __builtin_convertvector(value, ws_i8x16);
}

/* How the sums of 16 channels become int8. */
typedef struct {
    ws_i32x16 bias;       /* twice the bias */
    ws_i32x16 multiplier; /* Q0.31 */
    ws_i32x16 rounding;   /* half a unit and the zero point, as they are before the shift */
    ws_i32x16 shift;      /* to the right */
    ws_i32x16 away;       /* -1, or 0 where the shift is 0 */
    ws_i32x16 least;      /* the activation's bounds */
    ws_i32x16 most;
} ws_host_rescale;

#define WS_RESCALE_ROWS 5

/* `from`: bias, multiplier, rounding, shift and away, each of 16 channels. */
static WS_INLINE ws_host_rescale ws_host_rescale_of(const int32_t *from, int32_t least,
                                                    int32_t most) {
    const ws_host_rescale made = {
        .bias = ws_load_i32x16(from),
        .multiplier = ws_load_i32x16(from + WS_LANES),
        .rounding = ws_load_i32x16(from + 2 * WS_LANES),
        .shift = ws_load_i32x16(from + 3 * WS_LANES),
        .away = ws_load_i32x16(from + 4 * WS_LANES),
        .least = ws_everywhere(least),
        .most = ws_everywhere(most),
    };
    return made;
}

/* ws_rescale_s8 (ws_dsp.h) for 16 sums; writes the first `count` of them. */
static WS_INLINE void ws_host_store(const ws_host_rescale *r, ws_i32x16 sum, int8_t *output,
                                    int32_t count) {
    const ws_u32x16 doubled = (ws_u32x16)sum + (ws_u32x16)sum + (ws_u32x16)r->bias;
    const ws_i32x16 scaled = ws_mul_upper_x16((ws_i32x16)doubled, r->multiplier);
    const ws_i32x16 value = (scaled + ((scaled >> 31) & r->away) + r->rounding) >> r->shift;
    const ws_i8x16 bytes = ws_bounded_x16(value, r->least, r->most);
    if (count == WS_LANES) {
        memcpy(output, &bytes, sizeof bytes);
    } else {
        memcpy(output, &bytes, (size_t)count);
    }
}

#endif /* WS_HOST_H */
