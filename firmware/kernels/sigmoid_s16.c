/* LOGISTIC and TANH, int16. */
#include "ws_kernels_s16.h"
#include "ws_sigmoid.h"

void ws_logistic_s16(const ws_sigmoid_s16_params *p, const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t argument = ws_sigmoid_argument(input[i], p->multiplier, p->shift);
        output[i] = (int16_t)ws_sigmoid(p->sigmoid_table, argument);
    }
}

void ws_tanh_s16(const ws_sigmoid_s16_params *p, const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        const int32_t argument = ws_sigmoid_argument(input[i], p->multiplier, p->shift);
        output[i] = (int16_t)ws_tanh(p->sigmoid_table, argument);
    }
}
