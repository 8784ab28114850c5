/* The input with its padding, unsigned, in scratch memory (ws_kernels_host.h). */
#ifndef WS_HOST_IMAGE_H
#define WS_HOST_IMAGE_H

#include "ws_host.h"
#include "ws_kernels_host.h"

static inline void ws_host_image(const ws_host_layer *l, const int8_t *input, uint8_t *image) {
    const int32_t depth = l->input.channels * l->repeat;
    const int32_t pitch = l->plane.x * depth;
    const int32_t run = l->input.width * l->input.channels;
    if (l->plane.y > l->input.height || l->plane.x > l->input.width) {
        memset(image, WS_UNSIGNED(l->input_zero), (size_t)(l->plane.y * pitch));
    }
    uint8_t *to = image + l->padding.y * pitch + l->padding.x * depth;
    for (int32_t y = 0; y < l->input.height; y++) {
        if (l->repeat == 1) {
            for (int32_t i = 0; i < run; i++) {
                to[i] = WS_UNSIGNED(input[i]);
            }
        } else {
            for (int32_t i = 0; i < run; i++) {
                memset(to + i * l->repeat, WS_UNSIGNED(input[i]), (size_t)l->repeat);
            }
        }
        input += run;
        to += pitch;
    }
}

#endif /* WS_HOST_IMAGE_H */
