/*
 * FULLY_CONNECTED on the DSP instructions with weights of 4 bits, two units at a time; their bytes
 * are those of a convolution's (ws_kernels_dsp.h).
 */
#include "ws_dsp.h"
#include "ws_dsp_outputs.h"
#include "ws_memory.h"

/* Two weights of a unit as a pair: those in half-bytes `low` bits up from bits 0 and 16. */
static WS_INLINE uint32_t look_up(const int8_t *table, uint32_t word, int32_t low) {
    return ws_pair(table[word >> low & 15], table[word >> (low + 16) & 15]);
}

/* Add the sums over four values: b's and a's, for lut = 0 16 B and 16 A + B. */
static WS_INLINE void add_four(const int8_t *x, uint32_t word, const int8_t *const *tables, int lut,
                               int32_t *sums) {
    const uint32_t values = ws_load32(x);
    const uint32_t even = ws_even_bytes(values), odd = ws_odd_bytes(values);
    if (lut) {
        sums[0] = ws_dot_pair(even, look_up(tables[0], word, 0), sums[0]);
        sums[0] = ws_dot_pair(odd, look_up(tables[0], word, 8), sums[0]);
        sums[1] = ws_dot_pair(even, look_up(tables[1], word, 4), sums[1]);
        sums[1] = ws_dot_pair(odd, look_up(tables[1], word, 12), sums[1]);
    } else {
        const uint32_t low = (word & 0x0F0F0F0Fu) << 4;
        sums[0] = ws_dot_pair(even, ws_even_bytes(low), sums[0]);
        sums[0] = ws_dot_pair(odd, ws_odd_bytes(low), sums[0]);
        sums[1] = ws_dot_pair(even, ws_even_bytes(word), sums[1]);
        sums[1] = ws_dot_pair(odd, ws_odd_bytes(word), sums[1]);
    }
}

static WS_INLINE void dense(const ws_fully_connected_dsp4_params *q, const int8_t *input,
                            int8_t *output, int lut) {
    const ws_fully_connected_dsp_params *p = &q->dense;
    const int32_t rest = p->depth & 3, fours = p->depth - rest;
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *codes = q->codes;
        int8_t last[4] = {0}; /* values behind the end are 0, whatever their weights */
        memcpy(last, input + fours, (size_t)rest);
        for (int32_t unit = 0; unit < p->units; unit += 2) {
            const int8_t *const tables[2] = {q->tables + unit * q->table_step,
                                             q->tables + (unit + 1) * q->table_step};
            int32_t sums[2] = {0, 0};
            for (int32_t i = 0; i < fours; i += 4) {
                add_four(input + i, ws_load32_aligned(codes), tables, lut, sums);
                codes += 4;
            }
            if (rest != 0) {
                add_four(last, ws_load32_aligned(codes), tables, lut, sums);
                codes += 4;
            }
            if (!lut) {
                sums[0] /= 16;
                sums[1] = (sums[1] - sums[0]) / 16;
            }
            *output++ = ws_dsp_output(&p->outputs, unit, 2 * sums[0]);
            if (unit + 1 < p->units) {
                *output++ = ws_dsp_output(&p->outputs, unit + 1, 2 * sums[1]);
            }
        }
        input += p->depth;
    }
    ws_bound(&p->outputs, output - p->rows * p->units, p->rows * p->units);
}

void ws_fully_connected_dsp_s4(const ws_fully_connected_dsp4_params *p, const int8_t *input,
                               int8_t *output) {
    dense(p, input, output, 0);
}

void ws_fully_connected_dsp_lut4(const ws_fully_connected_dsp4_params *p, const int8_t *input,
                                 int8_t *output) {
    dense(p, input, output, 1);
}
