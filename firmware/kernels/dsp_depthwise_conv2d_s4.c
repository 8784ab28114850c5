/*
 * DEPTHWISE_CONV_2D on the DSP instructions with weights of 4 bits. One channel's few weights are
 * decoded before its plane is worked on: they stay in registers while it is.
 */
#include "ws_dsp_planes.h"
#include "ws_nibbles.h"

static WS_INLINE const int8_t *decode(const ws_depthwise_dsp4_params *q, int32_t channel, int lut,
                                      int8_t *decoded) {
    const int32_t taps = q->conv.filter.y * q->conv.filter.x;
    const int8_t *codes = q->codes + channel * ((taps + 1) / 2);
    const int8_t *table = q->tables + channel * q->table_step;
    for (int32_t i = 0; i < taps; i++) {
        decoded[i] = (int8_t)((i & 1) != 0 ? ws_high_weight(codes[i / 2], table, lut)
                                           : ws_low_weight(codes[i / 2], table, lut));
    }
    return decoded;
}

static const int8_t *numbers(const void *params, int32_t channel, int8_t *decoded) {
    return decode(params, channel, 0, decoded);
}

static const int8_t *looked_up(const void *params, int32_t channel, int8_t *decoded) {
    return decode(params, channel, 1, decoded);
}

void ws_depthwise_conv2d_dsp_s4(const ws_depthwise_dsp4_params *p, const int8_t *input,
                                int8_t *output, int8_t *scratch) {
    ws_depthwise_planes(&p->conv, input, output, scratch, numbers, p);
}

void ws_depthwise_conv2d_dsp_lut4(const ws_depthwise_dsp4_params *p, const int8_t *input,
                                  int8_t *output, int8_t *scratch) {
    ws_depthwise_planes(&p->conv, input, output, scratch, looked_up, p);
}
