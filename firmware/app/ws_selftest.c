/* `selftest`: the image, the front-end and the model against answers from the build. */
#include <string.h>

#include "ws_app.h"
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_crc32.h"
#include "ws_protocol.h"
#include "ws_runtime.h"
#include "ws_selftest_vectors.h"
#include "ws_tell.h"
#include "ws_text.h"

static uint32_t failures;

int16_t ws_noise(uint32_t *state, uint32_t index) {
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes, section 7.1 */
    return (int16_t)((int32_t)(*state >> 16) - 32768) >> (15u - index / 1024u % 16u);
}

static void tell(const char *what, uint32_t number, uint32_t found, uint32_t expected) {
    const int right = found == expected;
    failures += right ? 0u : 1u;
    ws_put_text("check ");
    ws_put_text(what);
    ws_put_text(" ");
    ws_put_unsigned(number);
    ws_put_text(" ");
    ws_put_hex(found);
    ws_put_text(right ? " ok\n" : " wrong\n");
}

/* The answer of the model to one stored window, which goes in step by step. */
static const char *run_window(const int8_t *window) {
    const char *wrong = 0;
    ws_runtime_reset();
    for (uint32_t step = 0; step < WS_APP_STEPS && wrong == 0; step++) {
        memcpy(ws_runtime_input(), window + step * MODEL_INPUT_SIZE, MODEL_INPUT_SIZE);
        wrong = ws_runtime_invoke();
    }
    return wrong;
}

#if WS_SELFTEST_COUNT > 0
static void check_clip(void) {
    int16_t *const hop = ws_app_buffer;
    uint32_t state = WS_SELFTEST_SEED;
    uint32_t crc = 0;
    ws_app_begin();
    for (uint32_t i = 0; i < WS_APP_SAMPLES; i++) {
        hop[i % WS_FE_HOP] = ws_noise(&state, i);
        if (i % WS_FE_HOP == WS_FE_HOP - 1u) {
            ws_app_hop(hop);
        }
    }
    (void)ws_app_prepare();
    crc = ws_crc32(crc, ws_runtime_input(), MODEL_INPUT_SIZE);
#if WS_APP_STEPS > 1
    for (uint32_t step = 1; step < WS_APP_STEPS; step++) {
        ws_app_feed(step);
        crc = ws_crc32(crc, ws_runtime_input(), MODEL_INPUT_SIZE);
    }
#endif
    tell("features", 0, crc, WS_SELFTEST_FEATURES);
}
#endif

void ws_selftest(void) {
    const char *wrong = 0;
    failures = 0;
    if (!ws_integrity_ok()) { /* again: flash may have changed since the start */
        ws_refusal = WS_IMAGE_WRONG;
    }
    if (ws_refusal != 0) {
        ws_error(ws_refusal);
        return;
    }
    ws_put_text("check image 0 ");
    ws_put_hex(ws_integrity_crc());
    ws_put_text(" ok\n");
#if WS_SELFTEST_COUNT > 0
    check_clip();
    for (uint32_t i = 0; i < WS_SELFTEST_COUNT && wrong == 0; i++) {
        ws_board_watch();
        wrong = run_window(ws_selftest_windows[i]);
        if (wrong == 0) {
            const uint32_t crc = ws_crc32(0, ws_runtime_output(), MODEL_OUTPUT_SIZE);
            tell("vector", i, crc, ws_selftest_answers[i]);
        }
    }
    if (wrong != 0) {
        ws_error(wrong);
    } else if (failures > 0) {
        ws_error_begin();
        ws_put_text("selftest must find the answers of the build. Received: ");
        ws_put_unsigned(failures);
        ws_put_text(" other answers\n");
    } else {
        ws_put_text("ok selftest\n");
    }
#else
    ws_error("selftest must have vectors. Received: firmware that was built without");
#endif
}
