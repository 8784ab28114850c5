#include "ws_frontend.h"

#include <string.h>

#include "ws_arith.h"
#include "ws_fft.h"

#define WS_MANTISSA_BITS 13u
#define WS_WEIGHT_ONE 4096u
#define WS_LOW_BITS 14u
#define WS_ROW_DROP 6 /* Q15 to Q9 */
#define WS_ROW_MIN (-4096)

/* Sums over one mel segment: rising and falling part, in units of 4^shift. */
typedef struct {
    uint32_t rising;
    uint32_t falling;
    uint32_t shift;
} ws_segment_t;

/* The bins from `bin` to `end`: weight times power, with block floating point. */
static inline ws_segment_t ws_segment(const int32_t *bin, const int32_t *end,
                                      const uint16_t *weight) {
    ws_segment_t segment;
    uint32_t size = 0;
    for (const int32_t *p = bin; p != end; p += 2) {
        size |= (uint32_t)(p[0] ^ (p[0] >> 31)) | (uint32_t)(p[1] ^ (p[1] >> 31));
    }
    const uint32_t bits = ws_bits(size);
    segment.shift = bits > WS_MANTISSA_BITS ? bits - WS_MANTISSA_BITS : 0u;
#if defined(WS_NARROW_MULTIPLY)
    uint32_t up_high = 0, up_low = 0, all_high = 0, all_low = 0;
    for (; bin != end; bin += 2) {
        const int32_t re = bin[0] >> segment.shift;
        const int32_t im = bin[1] >> segment.shift;
        const uint32_t power = (uint32_t)(re * re + im * im);
        const uint32_t high = power >> WS_LOW_BITS;
        const uint32_t low = power & ((1u << WS_LOW_BITS) - 1u);
        const uint32_t w = *weight++;
        up_high += high * w;
        up_low += low * w;
        all_high += high;
        all_low += low;
    }
    segment.rising = up_high + (up_low >> WS_LOW_BITS);
    segment.falling =
        WS_WEIGHT_ONE * all_high - up_high + ((WS_WEIGHT_ONE * all_low - up_low) >> WS_LOW_BITS);
#else
    uint64_t up = 0, down = 0;
    for (; bin != end; bin += 2) {
        const int32_t re = bin[0] >> segment.shift;
        const int32_t im = bin[1] >> segment.shift;
        const uint32_t power = (uint32_t)(re * re + im * im);
        const uint32_t w = *weight++;
        up += (uint64_t)power * w;
        down += (uint64_t)power * (WS_WEIGHT_ONE - w);
    }
    segment.rising = (uint32_t)(up >> WS_LOW_BITS);
    segment.falling = (uint32_t)(down >> WS_LOW_BITS);
#endif
    return segment;
}

/* log2(mantissa * 4^shift) in Q9 with the band's offset (Q15), at least WS_ROW_MIN. */
static inline int16_t ws_log_row(uint32_t mantissa, uint32_t shift, int32_t offset) {
    if (mantissa == 0u) {
        return WS_ROW_MIN;
    }
    const uint32_t bits = ws_bits(mantissa);
    const uint32_t normal = mantissa << (32u - bits);
    const uint16_t *table = ws_fe_log + ((normal >> 26) & 31u);
    const uint32_t low = table[0];
    const uint32_t curve = low + (((table[1] - low) * ((normal >> 10) & 0xffffu)) >> 16);
    const uint32_t whole = (bits - 1u + 2u * shift) << 15;
    const int32_t row =
        ((int32_t)(whole + curve) + offset + (1 << (WS_ROW_DROP - 1))) >> WS_ROW_DROP;
    return (int16_t)(row < WS_ROW_MIN ? WS_ROW_MIN : row);
}

/* x / 4^places, also where that is more than 31 bits. */
static inline uint32_t ws_scale_down(uint32_t x, uint32_t places) {
    return x >> (places > 15u ? 31u : 2u * places);
}

static void ws_mel_row(const int32_t *work, int16_t *row) {
    const uint16_t *edge = ws_fe_edge;
    const int32_t *bin = work + 2u * edge[0];
    const uint16_t *weight = ws_fe_weight;
    uint32_t rising = 0, shift = 0;
    for (uint32_t k = 0; k <= WS_FE_MELS; k++) {
        const int32_t *end = work + 2u * edge[k + 1u];
        const ws_segment_t segment = ws_segment(bin, end, weight);
        weight += (end - bin) / 2;
        bin = end;
        if (k > 0u) {
            const uint32_t top = shift > segment.shift ? shift : segment.shift;
            const uint32_t sum = ws_scale_down(rising, top - shift) +
                                 ws_scale_down(segment.falling, top - segment.shift);
            row[k - 1u] = ws_log_row(sum, top, ws_fe_offset[k - 1u]);
        }
        rising = segment.rising;
        shift = segment.shift;
    }
}

void ws_frontend_init(ws_frontend_t *frontend) {
    frontend->hops = 0;
}

/* The newest WS_FE_KEPT samples stay for the next hop. */
static void ws_keep(ws_frontend_t *frontend, const int16_t *hop) {
#if WS_FE_KEPT > WS_FE_HOP
    memmove(frontend->kept, frontend->kept + WS_FE_HOP, (WS_FE_KEPT - WS_FE_HOP) * sizeof(int16_t));
#endif
#if WS_FE_KEPT > 0
    memcpy(frontend->kept + (WS_FE_KEPT - WS_FE_HOP), hop, WS_FE_HOP * sizeof(int16_t));
#else
    (void)frontend;
    (void)hop;
#endif
}

int ws_frontend_push(ws_frontend_t *frontend, const int16_t *hop, int16_t *row) {
#if WS_FE_LAG > 1
    if (frontend->hops < WS_FE_LAG - 1) {
        frontend->hops++;
        ws_keep(frontend, hop);
        return 0;
    }
#endif
    ws_fft_frame(frontend->kept, hop, frontend->work);
    ws_mel_row(frontend->work, row);
    ws_keep(frontend, hop);
    return 1;
}
