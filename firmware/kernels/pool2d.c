/* MAX_POOL_2D and AVERAGE_POOL_2D, int8. */
#include "ws_kernels.h"

typedef int8_t ws_pool2d_value;
#define WS_POOL2D_LEAST INT8_MIN
#define WS_MAX_POOL2D ws_max_pool2d_s8
#define WS_AVERAGE_POOL2D ws_average_pool2d_s8
#include "ws_pool2d_loops.h"
