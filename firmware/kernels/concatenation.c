/* CONCATENATION, int8; all inputs have the output's scale and zero point. */
#include "ws_kernels.h"
#include "ws_memory.h"

void ws_concatenation_s8(const ws_concatenation_params *p, const int8_t *const *inputs,
                         int8_t *output) {
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->count; i++) {
            memcpy(output, inputs[i] + o * p->run[i], (size_t)p->run[i]);
            output += p->run[i];
        }
    }
}
