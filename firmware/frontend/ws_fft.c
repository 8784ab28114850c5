/*
 * Radix-4 decimation in time over 256 complex points, then the split into 512 real ones.
 *
 * The first stage, which has no factors, reads the samples, applies the window and stores in
 * digit-reversed order. The other three stages halve. No sum overflows: see docs/SPEC.md.
 */
#include "ws_fft.h"

#include "ws_arith.h"
#include "ws_frontend.h"

/* Samples; windows and hops are whole milliseconds, so multiples of 16 samples. */
#define WS_CHUNK 16

static inline int32_t ws_windowed(int16_t sample, int16_t weight) {
    return ((int32_t)sample * weight) >> WS_FE_INPUT_SHIFT;
}

/* Where the frame's samples from `index` on are. Past the window all weights are 0. */
static const int16_t *ws_source(const int16_t *kept, const int16_t *hop, uint32_t index) {
#if WS_FE_KEPT > 0
    if (index < WS_FE_KEPT) {
        return kept + index;
    }
#else
    (void)kept; /* windows do not overlap */
#endif
    return index < WS_FE_WINDOW ? hop + (index - WS_FE_KEPT) : hop;
}

/* out[0], out[2 s], out[4 s], out[6 s] (complex) from the turned inputs a, b, c, d. */
#define WS_BUTTERFLY(out, s)                                                                       \
    do {                                                                                           \
        const int32_t sum_re = ar + cr, sum_im = ai + ci;                                          \
        const int32_t dif_re = ar - cr, dif_im = ai - ci;                                          \
        const int32_t odd_re = br + dr, odd_im = bi + di;                                          \
        const int32_t gap_re = br - dr, gap_im = bi - di;                                          \
        (out)[0] = sum_re + odd_re;                                                                \
        (out)[1] = sum_im + odd_im;                                                                \
        (out)[2 * (s)] = dif_re + gap_im;                                                          \
        (out)[2 * (s) + 1] = dif_im - gap_re;                                                      \
        (out)[4 * (s)] = sum_re - odd_re;                                                          \
        (out)[4 * (s) + 1] = sum_im - odd_im;                                                      \
        (out)[6 * (s)] = dif_re - gap_im;                                                          \
        (out)[6 * (s) + 1] = dif_im + gap_re;                                                      \
    } while (0)

static void ws_first_stage(const int16_t *kept, const int16_t *hop, int32_t *work) {
    const int16_t *weight = ws_fe_window;
    const uint8_t *reverse = ws_fe_reverse;
    for (uint32_t start = 0; start < 128u; start += WS_CHUNK) {
        const int16_t *a = ws_source(kept, hop, start);
        const int16_t *b = ws_source(kept, hop, start + 128u);
        const int16_t *c = ws_source(kept, hop, start + 256u);
        const int16_t *d = ws_source(kept, hop, start + 384u);
        const int16_t *stop = weight + WS_CHUNK;
        for (; weight != stop; weight += 2) {
            const int32_t ar = ws_windowed(a[0], weight[0]);
            const int32_t ai = ws_windowed(a[1], weight[1]);
            const int32_t br = ws_windowed(b[0], weight[128]);
            const int32_t bi = ws_windowed(b[1], weight[129]);
            const int32_t cr = ws_windowed(c[0], weight[256]);
            const int32_t ci = ws_windowed(c[1], weight[257]);
            const int32_t dr = ws_windowed(d[0], weight[384]);
            const int32_t di = ws_windowed(d[1], weight[385]);
            int32_t *out = work + 8u * *reverse;
            WS_BUTTERFLY(out, 1);
            a += 2;
            b += 2;
            c += 2;
            d += 2;
            reverse++;
        }
    }
}

/* One stage: groups of four sub-transforms of `span` points each become one of 4 * span. */
static WS_INLINE void ws_stage(int32_t *work, uint32_t span) {
    int32_t *const end = work + 2 * WS_FE_POINTS;
    for (int32_t *p = work; p < end; p += 8u * span) { /* factor 1 */
        const int32_t ar = p[0] >> 1, ai = p[1] >> 1;
        const int32_t br = p[2u * span] >> 1, bi = p[2u * span + 1u] >> 1;
        const int32_t cr = p[4u * span] >> 1, ci = p[4u * span + 1u] >> 1;
        const int32_t dr = p[6u * span] >> 1, di = p[6u * span + 1u] >> 1;
        WS_BUTTERFLY(p, span);
    }
    const uint32_t *turn = ws_fe_twiddle;
    for (uint32_t j = 1; j < span; j++) {
        turn += 3u * (64u / span);
        const uint32_t w1 = turn[0], w2 = turn[1], w3 = turn[2];
        for (int32_t *p = work + 2u * j; p < end; p += 8u * span) {
            int32_t re = p[2u * span], im = p[2u * span + 1u];
            const int32_t br = ws_mulw(re, ws_cos(w1)) + ws_mulw(im, ws_sin(w1));
            const int32_t bi = ws_mulw(im, ws_cos(w1)) - ws_mulw(re, ws_sin(w1));
            re = p[4u * span];
            im = p[4u * span + 1u];
            const int32_t cr = ws_mulw(re, ws_cos(w2)) + ws_mulw(im, ws_sin(w2));
            const int32_t ci = ws_mulw(im, ws_cos(w2)) - ws_mulw(re, ws_sin(w2));
            re = p[6u * span];
            im = p[6u * span + 1u];
            const int32_t dr = ws_mulw(re, ws_cos(w3)) + ws_mulw(im, ws_sin(w3));
            const int32_t di = ws_mulw(im, ws_cos(w3)) - ws_mulw(re, ws_sin(w3));
            const int32_t ar = p[0] >> 1, ai = p[1] >> 1;
            WS_BUTTERFLY(p, span);
        }
    }
}

/* Bins k and 256 - k of the real FFT from the same of the complex one; bin 128 stays. */
static void ws_split(int32_t *work) {
    int32_t *low = work + 2;
    int32_t *high = work + 2 * (WS_FE_POINTS - 1);
    for (const uint32_t *turn = ws_fe_split + 1; low < high; turn++) {
        const uint32_t w = *turn;
        const int32_t half_re = (low[0] + high[0]) >> 1;
        const int32_t half_im = (low[1] - high[1]) >> 1;
        const int32_t dif_re = low[0] - high[0];
        const int32_t dif_im = low[1] + high[1];
        const int32_t turn_re = ws_mulw(dif_im, ws_cos(w)) - ws_mulw(dif_re, ws_sin(w));
        const int32_t turn_im = ws_mulw(dif_re, ws_cos(w)) + ws_mulw(dif_im, ws_sin(w));
        low[0] = half_re + turn_re;
        low[1] = half_im - turn_im;
        high[0] = half_re - turn_re;
        high[1] = half_im + turn_im;
        low += 2;
        high -= 2;
    }
}

void ws_fft_frame(const int16_t *kept, const int16_t *hop, int32_t *work) {
    ws_first_stage(kept, hop, work);
    ws_stage(work, 4u);
    ws_stage(work, 16u);
    ws_stage(work, 64u);
    ws_split(work);
}
