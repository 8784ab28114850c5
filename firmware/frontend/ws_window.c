#include "ws_window.h"

#include <string.h>

#define WS_DCT_BITS 14

void ws_window_init(ws_window_t *window, int16_t *rows, uint16_t frames) {
    window->rows = rows;
    window->frames = frames;
    window->next = 0;
    window->count = 0;
}

void ws_window_push(ws_window_t *window, const int16_t *row) {
    memcpy(window->rows + (uint32_t)window->next * WS_FE_MELS, row, WS_FE_MELS * sizeof(int16_t));
    window->next = (uint16_t)(window->next + 1u < window->frames ? window->next + 1u : 0u);
    if (window->count < window->frames) {
        window->count++;
    }
}

/* How far a value lies below the peak, at most the range. */
static inline int32_t ws_drop(int32_t peak, int16_t value) {
    const int32_t drop = peak - value;
    return drop < WS_FE_RANGE ? drop : WS_FE_RANGE;
}

#if WS_FE_MFCC
static void ws_row_features(const int16_t *row, int32_t peak, int8_t *out) {
    int16_t centred[WS_FE_MELS];
    for (uint32_t m = 0; m < WS_FE_MELS; m++) {
        centred[m] = (int16_t)(WS_FE_RANGE / 2 - ws_drop(peak, row[m]));
    }
    const int16_t *factor = ws_fe_dct;
    for (uint32_t k = 0; k < WS_FE_WIDTH; k++) {
        int32_t sum = 1 << (WS_DCT_BITS - 1);
        for (uint32_t m = 0; m < WS_FE_MELS; m++) {
            sum += (int32_t)centred[m] * *factor++;
        }
        const int32_t q = ((sum >> WS_DCT_BITS) * ws_fe_dct_scale[k] + 0x8000) >> 16;
        out[k] = (int8_t)(q < -128 ? -128 : (q > 127 ? 127 : q));
    }
}
#else
static void ws_row_features(const int16_t *row, int32_t peak, int8_t *out) {
    for (uint32_t m = 0; m < WS_FE_MELS; m++) {
        const int32_t q = 127 - ((ws_drop(peak, row[m]) * WS_FE_LEVEL + 0x8000) >> 16);
        out[m] = (int8_t)(q < -128 ? -128 : q);
    }
}
#endif

int32_t ws_window_peak(const ws_window_t *window) {
    const int16_t *const end = window->rows + (uint32_t)window->frames * WS_FE_MELS;
    int32_t peak = WS_FE_PEAK_MIN;
    for (const int16_t *value = window->rows; value != end; value++) {
        peak = *value > peak ? *value : peak;
    }
    return peak;
}

void ws_window_row(const ws_window_t *window, uint32_t row, int32_t peak, int8_t *features) {
    const uint32_t place = window->next + row;
    const uint32_t inside = place < window->frames ? place : place - window->frames;
    ws_row_features(window->rows + inside * WS_FE_MELS, peak, features);
}

int ws_window_features(const ws_window_t *window, int8_t *features) {
    if (window->count < window->frames) {
        return 0;
    }
    const int16_t *const end = window->rows + (uint32_t)window->frames * WS_FE_MELS;
    const int32_t peak = ws_window_peak(window);
    const int16_t *const oldest = window->rows + (uint32_t)window->next * WS_FE_MELS;
    for (const int16_t *row = oldest; row != end; row += WS_FE_MELS) {
        ws_row_features(row, peak, features);
        features += WS_FE_WIDTH;
    }
    for (const int16_t *row = window->rows; row != oldest; row += WS_FE_MELS) {
        ws_row_features(row, peak, features);
        features += WS_FE_WIDTH;
    }
    return 1;
}
