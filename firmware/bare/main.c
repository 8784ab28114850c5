/* A model without ears: initialised, then invoked once per byte from the console. For running
   any generated model on an emulated core; an emulator calls model_invoke by itself. */
#include "model.h"
#include "ws_board.h"
#include "ws_text.h"

int main(void) {
    model_init();
    ws_put_text("board " WS_BOARD_NAME "\nmodel " MODEL_HASH "\nready\n");
    for (;;) {
        if (ws_board_get() >= 0) {
#ifdef MODEL_STATE_SIZE
            model_reset();
#endif
            (void)model_input();
            (void)model_invoke();
            (void)model_output();
            ws_put_text("done\n");
        }
        ws_board_sleep();
    }
}
