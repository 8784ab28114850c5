/*
 * Whole clips through the firmware's front-end, hop by hop, for Python on the host.
 */
#include <stdint.h>

#include "ws_frontend.h"
#include "ws_window.h"

#define WS_EXPORT __attribute__((visibility("default")))

WS_EXPORT uint32_t ws_host_state_bytes(void) {
    return (uint32_t)sizeof(ws_frontend_t);
}

/*
 * `clips` holds count * samples values, `rows` frames * WS_FE_MELS values of scratch per clip, and
 * `features` count * frames * WS_FE_WIDTH values or is null. Every frame must lie within a clip.
 * A clip's last hop may be incomplete; `tail` (WS_FE_HOP values) is scratch for it.
 */
WS_EXPORT void ws_host_clips(const int16_t *clips, uint32_t count, uint32_t samples,
                             uint32_t frames, int16_t *rows, int8_t *features, int16_t *tail) {
    ws_frontend_t frontend;
    ws_window_t window;
    for (uint32_t clip = 0; clip < count; clip++) {
        const int16_t *sample = clips + (uint64_t)clip * samples;
        int16_t *const first = rows + (uint64_t)clip * frames * WS_FE_MELS;
        int16_t row[WS_FE_MELS];
        uint32_t done = 0, used = 0;
        ws_frontend_init(&frontend);
        ws_window_init(&window, first, (uint16_t)frames);
        while (done < frames) {
            const int16_t *hop = sample + used;
            if (samples - used < WS_FE_HOP) {
                for (uint32_t i = 0; i < WS_FE_HOP; i++) {
                    tail[i] = used + i < samples ? hop[i] : 0;
                }
                hop = tail;
            }
            used += WS_FE_HOP;
            if (ws_frontend_push(&frontend, hop, row)) {
                ws_window_push(&window, row);
                done++;
            }
        }
        if (features) {
            ws_window_features(&window, features + (uint64_t)clip * frames * WS_FE_WIDTH);
        }
    }
}
