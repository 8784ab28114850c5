/* REDUCE_MAX and REDUCE_MIN, int8, over any axes; input and output have the same scale. */
#include "ws_kernels.h"

/* The largest of sign * value: with -1 the least value comes out. */
static void reduce(const ws_reduction *p, const int8_t *input, int8_t *output, int32_t sign) {
    const int32_t inner = p->kept[1] * p->reduced[1] * p->kept[2]; /* one step of reduced 0 */
    for (int32_t k0 = 0; k0 < p->kept[0]; k0++) {
        for (int32_t k1 = 0; k1 < p->kept[1]; k1++) {
            for (int32_t k2 = 0; k2 < p->kept[2]; k2++) {
                int32_t best = INT8_MIN;
                for (int32_t r0 = 0; r0 < p->reduced[0]; r0++) {
                    const int8_t *in = input + r0 * inner + k1 * p->reduced[1] * p->kept[2] + k2;
                    for (int32_t r1 = 0; r1 < p->reduced[1]; r1++) {
                        const int32_t value = sign * in[r1 * p->kept[2]];
                        best = value > best ? value : best;
                    }
                }
                *output++ = (int8_t)(sign * best);
            }
        }
        input += p->reduced[0] * inner;
    }
}

void ws_reduce_max_s8(const ws_reduction *p, const int8_t *input, int8_t *output) {
    reduce(p, input, output, 1);
}

void ws_reduce_min_s8(const ws_reduction *p, const int8_t *input, int8_t *output) {
    reduce(p, input, output, -1);
}
