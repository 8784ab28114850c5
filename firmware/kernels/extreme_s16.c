/* MAXIMUM and MINIMUM, int16. */
#include "ws_kernels_s16.h"

typedef int16_t ws_extreme_value;
#define WS_MAXIMUM ws_maximum_s16
#define WS_MINIMUM ws_minimum_s16
#include "ws_extreme_loops.h"
