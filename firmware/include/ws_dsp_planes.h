/* DEPTHWISE_CONV_2D on the DSP instructions: what all kinds of weights share. */
#ifndef WS_DSP_PLANES_H
#define WS_DSP_PLANES_H

#include "ws_kernels_dsp.h"

/* Weights of one channel, [filter rows][filter columns]; `decoded` has room for them. */
typedef const int8_t *(*ws_channel_weights)(const void *params, int32_t channel, int8_t *decoded);

/* All channels; `params` is handed on. */
void ws_depthwise_planes(const ws_depthwise_dsp_params *p, const int8_t *input, int8_t *output,
                         int8_t *scratch, ws_channel_weights weights_of, const void *params);

#endif /* WS_DSP_PLANES_H */
