/*
 * The model behind the application, whatever runs it: generated C (runtime/ws_runtime_c.c) or
 * TFLite Micro (tflm/ws_runtime_tflm.cc). Sizes, scales, labels and hash are those of model.h under
 * either.
 */
#ifndef WS_RUNTIME_H
#define WS_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Call once before anything else. Returns 0, or what went wrong, with the operator's name. */
const char *ws_runtime_init(void);

/* Where MODEL_INPUT_SIZE bytes of input go; running the model may overwrite them. */
int8_t *ws_runtime_input(void);

/* Run the model once. Returns 0, or what went wrong. */
const char *ws_runtime_invoke(void);

/* MODEL_OUTPUT_SIZE bytes, until the next input is written. */
const int8_t *ws_runtime_output(void);

/* Forget all runs before; does nothing with a model that remembers nothing. */
void ws_runtime_reset(void);

/*
 * For `bench`: run the model once and tell what each layer takes, in cycles of ws_board_cycles.
 * A runtime need not have it; then the whole run is told as one layer.
 */
typedef void (*ws_runtime_tell_t)(uint32_t layer, const char *kind, uint32_t cycles);
const char *ws_runtime_bench(ws_runtime_tell_t tell);

#ifdef __cplusplus
}
#endif

#endif
