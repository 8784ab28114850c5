/* The generated C as runtime: nothing to prepare and nothing that can go wrong. */
#include "ws_runtime.h"

#include "model.h"

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
