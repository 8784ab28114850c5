/* A cascaded integrator-comb filter of four stages takes 1.024 MHz to 64 kHz (E. B. Hogenauer, "An
   economical class of digital filters for decimation and interpolation", 1981), a symmetric FIR
   takes that to 16 kHz. The FIR is a least-squares design: pass band to 6.8 kHz, where it undoes
   the droop of the first filter, stop band from 9 kHz. tests/firmware/test_pdm.py measures both. */
#include "ws_pdm.h"

#include <string.h>

/* From the middle outwards; the sum of all 64 is 2^15, that of their magnitudes below 2^16. */
static const int16_t taps[WS_PDM_TAPS / 2u] = {
    7686, 6402, 3984, 1374, -665, -1671, -1610, -836, 119,  781, 919, 590, 53, -396, -562, -426,
    -116, 185,  336,  298,  130,  -62,   -183,  -195, -119, -10, 76,  112, 99, 62,   25,   4,
};

void ws_pdm_init(ws_pdm_t *pdm) {
    memset(pdm, 0, sizeof *pdm);
}

/* 16 bits, a one counting 1 and a zero -1, to one value: at most 2^16 in magnitude. */
static int32_t comb(ws_pdm_t *pdm, uint32_t word) {
    uint32_t a = pdm->sum[0];
    uint32_t b = pdm->sum[1];
    uint32_t c = pdm->sum[2];
    uint32_t d = pdm->sum[3];
    for (uint32_t mask = 1u << 15; mask != 0; mask >>= 1) {
        a += (word & mask) != 0 ? 1u : UINT32_MAX;
        b += a;
        c += b;
        d += c;
    }
    pdm->sum[0] = a;
    pdm->sum[1] = b;
    pdm->sum[2] = c;
    pdm->sum[3] = d;
    uint32_t value = d;
    for (uint32_t stage = 0; stage < WS_PDM_STAGES; stage++) {
        const uint32_t now = value;
        value -= pdm->before[stage];
        pdm->before[stage] = now;
    }
    return value <= INT32_MAX ? (int32_t)value : -(int32_t)(UINT32_MAX - value) - 1;
}

/* Halved, so that the sum of products stays within 32 bits. */
static void push(ws_pdm_t *pdm, int32_t value) {
    pdm->history[pdm->at] = value / 2;
    pdm->history[pdm->at + WS_PDM_TAPS] = value / 2;
    pdm->at = (pdm->at + 1u) % WS_PDM_TAPS;
}

/* Microphones reach full scale at a density of a half (or less): twice the value, clipped. */
static int16_t filter(const ws_pdm_t *pdm) {
    const int32_t *oldest = pdm->history + pdm->at;
    int32_t sum = 0;
    for (uint32_t i = 0; i < WS_PDM_TAPS / 2u; i++) {
        sum += taps[i] * (oldest[WS_PDM_TAPS / 2u + i] + oldest[WS_PDM_TAPS / 2u - 1u - i]);
    }
    const int32_t value = sum / (1 << 14);
    if (value > INT16_MAX) {
        return INT16_MAX;
    }
    return value < INT16_MIN ? INT16_MIN : (int16_t)value;
}

void ws_pdm_run(ws_pdm_t *pdm, const volatile uint16_t *words, uint32_t samples, int16_t *pcm) {
    for (uint32_t i = 0; i < samples; i++) {
        for (uint32_t part = 0; part < WS_PDM_WORDS; part++) {
            push(pdm, comb(pdm, words[WS_PDM_WORDS * i + part]));
        }
        pcm[i] = filter(pdm);
    }
}
