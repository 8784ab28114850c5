/* What takes runs of its input index by index (RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD, ...), in bytes.
 */
#include "ws_kernels.h"
#include "ws_memory.h"

/* One row: runs at the given places. */
static void pick_row(const int8_t *input, const int32_t *places, int32_t count, int32_t run,
                     int8_t *output) {
    if (run == 1) { /* a call of memcpy for each byte would cost more than the byte */
        for (int32_t i = 0; i < count; i++) {
            output[i] = input[places[i]];
        }
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        memcpy(output + i * run, input + places[i], (size_t)run);
    }
}

void ws_pick(const ws_pick_params *p, const int8_t *input, int8_t *output) {
    const int32_t *shape = p->shape;
    const int32_t *const *places = p->places;
    for (int32_t i0 = 0; i0 < shape[0]; i0++) {
        for (int32_t i1 = 0; i1 < shape[1]; i1++) {
            for (int32_t i2 = 0; i2 < shape[2]; i2++) {
                const int32_t place = places[0][i0] + places[1][i1] + places[2][i2];
                pick_row(input + place, places[3], shape[3], p->run, output);
                output += shape[3] * p->run;
            }
        }
    }
}
