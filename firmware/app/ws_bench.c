/* `bench`: cycles of a hop, of a window's features, of the model and of each of its layers. */
#include "ws_app.h"
#include "ws_board.h"
#include "ws_protocol.h"
#include "ws_runtime.h"
#include "ws_tell.h"
#include "ws_text.h"

static void tell(const char *what, uint32_t cycles) {
    ws_put_text(what);
    ws_put_text(" ");
    ws_put_unsigned(cycles);
    ws_put_text("\n");
}

static void tell_layer(uint32_t layer, const char *kind, uint32_t cycles) {
    ws_board_watch();
    ws_put_text("layer ");
    ws_put_unsigned(layer);
    ws_put_text(" ");
    ws_put_text(kind);
    tell("", cycles);
}

/* For runtimes that do not tell their layers apart. */
__attribute__((weak)) const char *ws_runtime_bench(ws_runtime_tell_t tell_one) {
    const uint32_t start = ws_board_cycles();
    const char *wrong = ws_runtime_invoke();
    tell_one(0, "MODEL", ws_board_cycles() - start);
    return wrong;
}

void ws_bench(void) {
    int16_t *const hop = ws_app_buffer;
    uint32_t state = 1;
    uint32_t most = 0;
    ws_clock_tick(1); /* a layer may take longer than the SysTick counts */
    ws_app_begin();
    for (uint32_t i = 0; i < WS_APP_SAMPLES; i += WS_FE_HOP) {
        for (uint32_t k = 0; k < WS_FE_HOP; k++) {
            hop[k] = ws_noise(&state, i + k);
        }
        const uint32_t start = ws_board_cycles();
        ws_app_hop(hop);
        const uint32_t taken = ws_board_cycles() - start;
        most = taken > most ? taken : most;
        ws_board_watch();
    }
    tell("clock", WS_CLOCK_HZ);
    tell("hop", most);
    uint32_t start = ws_board_cycles();
    (void)ws_app_prepare();
    tell("window", ws_board_cycles() - start);
    ws_runtime_reset();
    const char *wrong = ws_runtime_bench(tell_layer);
    if (wrong == 0) {
        start = ws_board_cycles();
        (void)ws_app_classify();
        wrong = ws_app_wrong;
        tell("result", ws_board_cycles() - start);
    }
    ws_clock_tick(0);
    if (wrong != 0) {
        ws_error(wrong);
        return;
    }
    tell("runs", WS_APP_STEPS);
    ws_put_text("ok bench\n");
}
