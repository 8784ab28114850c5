/* What all kernels need of the compiler, and the fields that parameters of many of them share. */
#ifndef WS_SHAPES_H
#define WS_SHAPES_H

#include <stdint.h>

#if defined(__GNUC__)
#define WS_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define WS_NOINLINE __attribute__((noinline))
#define WS_INLINE inline __attribute__((always_inline))
/* Keeps a function with nothing to do, and the calls to it, where tools can see them. */
#define WS_NOTHING() __asm__ volatile("")
#else
#error "define WS_ALIGNED, WS_NOINLINE, WS_INLINE and WS_NOTHING for this compiler"
#endif

/* Rows, columns and channels of one image. */
typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;
} ws_shape;

/* A pair for the vertical and the horizontal direction. */
typedef struct {
    int32_t y;
    int32_t x;
} ws_yx;

/* Sizes and steps of a convolution, the first fields of its parameters in every kernel. */
#define WS_CONVOLUTION_SIZES                                                                       \
    int32_t batches;                                                                               \
    ws_shape input;                                                                                \
    ws_shape output;                                                                               \
    ws_yx filter;                                                                                  \
    ws_yx stride;                                                                                  \
    ws_yx dilation;                                                                                \
    ws_yx padding;

/*
 * The same of a depthwise convolution that goes over the planes of its channels, whose rows and
 * columns may be exchanged (so are those of its weights): sides of a plane; values from one row and
 * one column of a plane to the next; padding above and left.
 */
#define WS_PLANE_SIZES                                                                             \
    int32_t batches;                                                                               \
    int32_t channels;                                                                              \
    ws_yx input;                                                                                   \
    ws_yx output;                                                                                  \
    ws_yx input_step;                                                                              \
    ws_yx output_step;                                                                             \
    ws_yx filter;                                                                                  \
    ws_yx stride;                                                                                  \
    ws_yx padding;

#endif /* WS_SHAPES_H */
