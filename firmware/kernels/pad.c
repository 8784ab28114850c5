/* PAD, int8, four dimensions. */
#include "ws_kernels.h"
#include "ws_memory.h"

void ws_pad_s8(const ws_pad_params *p, const int8_t *input, int8_t *output) {
    const int32_t *in = p->input;
    const int32_t *out = p->output;
    const int32_t *before = p->before;
    memset(output, p->value, (size_t)(out[0] * out[1] * out[2] * out[3]));
    for (int32_t i0 = 0; i0 < in[0]; i0++) {
        for (int32_t i1 = 0; i1 < in[1]; i1++) {
            for (int32_t i2 = 0; i2 < in[2]; i2++) {
                const int32_t plane = (i0 + before[0]) * out[1] + i1 + before[1];
                const int32_t row = plane * out[2] + i2 + before[2];
                memcpy(output + row * out[3] + before[3], input, (size_t)in[3]);
                input += in[3];
            }
        }
    }
}
