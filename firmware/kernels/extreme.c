/* MAXIMUM and MINIMUM, int8. */
#include "ws_kernels.h"

typedef int8_t ws_extreme_value;
#define WS_MAXIMUM ws_maximum_s8
#define WS_MINIMUM ws_minimum_s8
#include "ws_extreme_loops.h"
