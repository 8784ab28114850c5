/* MAX_POOL_2D and AVERAGE_POOL_2D, int16. */
#include "ws_kernels_s16.h"

typedef int16_t ws_pool2d_value;
#define WS_POOL2D_LEAST INT16_MIN
#define WS_MAX_POOL2D ws_max_pool2d_s16
#define WS_AVERAGE_POOL2D ws_average_pool2d_s16
#include "ws_pool2d_loops.h"
