/* How long each layer of the generated C takes; apart, because it needs a board's counter. */
#include "model.h"
#include "ws_board.h"
#include "ws_runtime.h"

const char *ws_runtime_bench(ws_runtime_tell_t tell) {
    for (uint32_t i = 0; i < MODEL_LAYER_COUNT; i++) {
        const uint32_t start = ws_board_cycles();
        model_layers[i].run();
        tell(i, model_layers[i].kind, ws_board_cycles() - start);
    }
    return 0;
}
