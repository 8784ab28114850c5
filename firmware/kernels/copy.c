/* What only moves values (TRANSPOSE, STRIDED_SLICE, SPLIT, ...), in bytes. */
#include "ws_kernels.h"
#include "ws_memory.h"

/* One row: `count` runs that lie `stride` apart. */
static void copy_row(const int8_t *input, int32_t count, int32_t stride, int32_t run,
                     int8_t *output) {
    if (run == 1) { /* a call of memcpy for each byte would cost more than the byte */
        for (int32_t i = 0; i < count; i++) {
            output[i] = input[i * stride];
        }
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        memcpy(output + i * run, input + i * stride, (size_t)run);
    }
}

void ws_copy(const ws_copy_params *p, const int8_t *input, int8_t *output) {
    const int32_t *shape = p->shape;
    const int32_t *stride = p->stride;
    input += p->offset;
    for (int32_t i0 = 0; i0 < shape[0]; i0++) {
        for (int32_t i1 = 0; i1 < shape[1]; i1++) {
            for (int32_t i2 = 0; i2 < shape[2]; i2++) {
                for (int32_t i3 = 0; i3 < shape[3]; i3++) {
                    const int32_t place =
                        i0 * stride[0] + i1 * stride[1] + i2 * stride[2] + i3 * stride[3];
                    copy_row(input + place, shape[4], stride[4], p->run, output);
                    output += shape[4] * p->run;
                }
            }
        }
    }
}
