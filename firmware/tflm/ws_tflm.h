/* What the TFLite Micro runtime tells beyond ws_runtime.h. */
#ifndef WS_TFLM_H
#define WS_TFLM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of MODEL_TFLM_ARENA_SIZE that the interpreter took; 0 before ws_runtime_init. */
uint32_t ws_tflm_arena_used(void);

#ifdef __cplusplus
}
#endif

#endif
