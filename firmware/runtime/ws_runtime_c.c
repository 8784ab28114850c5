/* The generated C as runtime: nothing to prepare and nothing that can go wrong. */
#include "ws_runtime.h"

#include "model.h"
#include "ws_board.h"

const char *ws_runtime_init(void) {
    model_init();
    return 0;
}

int8_t *ws_runtime_input(void) {
    return model_input();
}

const char *ws_runtime_invoke(void) {
    (void)model_invoke();
    return 0;
}

const int8_t *ws_runtime_output(void) {
    return model_output();
}

void ws_runtime_reset(void) {
#ifdef MODEL_STATE_SIZE
    model_reset();
#endif
}

const char *ws_runtime_bench(ws_runtime_tell_t tell) {
    for (uint32_t i = 0; i < MODEL_LAYER_COUNT; i++) {
        const uint32_t start = ws_board_cycles();
        model_layers[i].run();
        tell(i, model_layers[i].kind, ws_board_cycles() - start);
    }
    return 0;
}
