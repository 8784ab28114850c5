/*
 * A convolution with groups: what four output positions see of the input is copied to scratch
 * memory, tap by tap with all channels, and a function makes the output channels of one group after
 * the other from what its own input channels are there. So borders, strides and dilation are dealt
 * with once for all groups, and a group is read with steps that never change.
 */
#ifndef WS_EACH_GROUP_H
#define WS_EACH_GROUP_H

#include "ws_kernels.h"

#define WS_GROUP_POSITIONS 4

typedef struct {
    WS_CONVOLUTION_SIZES
    int32_t input_zero;
    int32_t groups;
} ws_group_walk;

/* From a family's parameters. */
#define WS_GROUP_WALK(p)                                                                           \
    {(p)->batches,  (p)->input,   (p)->output,     (p)->filter, (p)->stride,                       \
     (p)->dilation, (p)->padding, (p)->input_zero, (p)->groups}

/* At most four positions of one group. */
typedef struct {
    const int8_t *windows; /* the first position's first tap; of input.channels bytes each */
    int32_t size;          /* bytes to the next position's; there is always room for four */
    int32_t taps;
    int32_t step;   /* bytes from tap to tap */
    int32_t depth;  /* channels of the group */
    int8_t *output; /* the first of its output channels, at the first position */
    int32_t channels;
    int32_t positions;
    int32_t group;
} ws_group_part;

typedef void (*ws_group_function)(const void *params, const ws_group_part *part);

/* Calls `function` with `params` for each group of each four positions. scratch: four windows. */
void ws_each_group(const ws_group_walk *w, const int8_t *input, int8_t *output, int8_t *scratch,
                   ws_group_function function, const void *params);

#endif /* WS_EACH_GROUP_H */
