/* Any function of one int8 value, as a table of its 256 results. */
#include "ws_kernels.h"

void ws_table_s8(const ws_table_params *p, const int8_t *input, int8_t *output) {
    for (int32_t i = 0; i < p->size; i++) {
        output[i] = p->table[input[i] + 128];
    }
}
