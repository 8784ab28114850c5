/*
 * The runtime of the application on TFLite Micro: its MicroInterpreter with the generated op
 * resolver (model_ops.h), the model as an array and an arena of MODEL_TFLM_ARENA_SIZE bytes
 * (model_data.h).
 *
 * Nothing is on a heap, and no object is built before main: interpreter and resolver are made by
 * ws_runtime_init in memory of their own. What TFLite Micro logs while it fails, which names the
 * operator, is what the functions here return.
 */
#include "ws_runtime.h"

#include <cstddef>
#include <cstdint>
#include <new>

#include "tensorflow/lite/micro/compatibility.h"
#include "tensorflow/lite/micro/cortex_m_generic/debug_log_callback.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/schema/schema_generated.h"

#include "model.h"
#include "model_data.h"
#include "model_ops.h"
#include "ws_tflm.h"

extern "C" {
#include "ws_board.h"
}

#if !defined(MODEL_INPUT_SCALE) || !defined(MODEL_OUTPUT_SCALE)
#error "the runtime interface needs a model with int8 input and output"
#endif

namespace {

constexpr size_t kArenaSize = MODEL_TFLM_ARENA_SIZE;

alignas(16) uint8_t arena[kArenaSize];
alignas(model_op_resolver) uint8_t resolver_memory[sizeof(model_op_resolver)];
alignas(tflite::MicroInterpreter) uint8_t interpreter_memory[sizeof(tflite::MicroInterpreter)];

tflite::MicroInterpreter *interpreter;
int8_t *input;
const int8_t *output;

#ifdef WS_TFLM_TRIAL
/* How much of the arena the interpreter may have: an emulator tries sizes by changing this word. */
extern "C" {
extern const volatile uint32_t ws_tflm_arena_limit;
const volatile uint32_t ws_tflm_arena_limit = kArenaSize;
}

size_t arena_limit() {
    const uint32_t limit = ws_tflm_arena_limit;
    return limit < kArenaSize ? limit : kArenaSize;
}
#else
size_t arena_limit() {
    return kArenaSize;
}
#endif

/* --- what went wrong, in TFLite Micro's words --- */

constexpr size_t kMostText = 240;
constexpr char kUnnamed[] =
    "TFLite Micro failed without saying why: its library was built without error texts";

char text[kMostText];
size_t text_length;

/* One character; where there is no room the oldest go, because the last line names the operator. */
void put(char c) {
    if (text_length == kMostText - 1) {
        for (size_t i = 1; i < text_length; i++) {
            text[i - 1] = text[i];
        }
        text_length--;
    }
    text[text_length++] = c;
    text[text_length] = '\0';
}

void put_all(const char *words) {
    for (; *words != '\0'; words++) {
        put(*words);
    }
}

/* Lines become one, with "; " between them. */
void log_line(const char *words) {
    static bool between;
    if (text_length == 0) {
        between = false;
    }
    for (; *words != '\0'; words++) {
        if (*words == '\n' || *words == '\r') {
            between = text_length > 0;
            continue;
        }
        if (between) {
            put_all("; ");
            between = false;
        }
        put(*words);
    }
}

void forget_text() {
    text_length = 0;
    text[0] = '\0';
}

const char *wrong() {
    return text_length > 0 ? text : kUnnamed;
}

const char *wrong(const char *words) {
    forget_text();
    put_all(words);
    return text;
}

/* --- what each operator takes: the interpreter tells its profiler --- */

class LayerClock : public tflite::MicroProfilerInterface {
  public:
    uint32_t BeginEvent(const char *tag) override {
        if (tell != nullptr) {
            kind = tag;
            start = ws_board_cycles();
        }
        return layers;
    }

    void EndEvent(uint32_t event) override {
        if (tell != nullptr) {
            tell(event, kind, ws_board_cycles() - start);
            layers++;
        }
    }

    ws_runtime_tell_t tell = nullptr;
    uint32_t layers = 0;

  private:
    const char *kind = nullptr;
    uint32_t start = 0;
    TF_LITE_REMOVE_VIRTUAL_DELETE
};

alignas(LayerClock) uint8_t clock_memory[sizeof(LayerClock)];
LayerClock *layer_clock;

/* The one tensor of a side, or null where the model is not the one of model.h. */
const TfLiteTensor *edge(const TfLiteTensor *tensor, size_t count, size_t bytes) {
    if (count != 1 || tensor == nullptr || tensor->type != kTfLiteInt8 || tensor->bytes != bytes) {
        return nullptr;
    }
    return tensor;
}

} // namespace

const char *ws_runtime_init(void) {
    interpreter = nullptr;
    forget_text();
    RegisterDebugLogCallback(log_line);
    const tflite::Model *model = tflite::GetModel(model_data);
    if (model->version() != TFLITE_SCHEMA_VERSION) {
        return wrong("the model's schema is not the one that TFLite Micro was built for");
    }
    auto *resolver = new (resolver_memory) model_op_resolver;
    if (model_register_ops(*resolver) != kTfLiteOk) {
        return wrong();
    }
    layer_clock = new (clock_memory) LayerClock;
    auto *made = new (interpreter_memory)
        tflite::MicroInterpreter(model, *resolver, arena, arena_limit(), nullptr, layer_clock);
    if (made->initialization_status() != kTfLiteOk || made->AllocateTensors() != kTfLiteOk) {
        return wrong();
    }
    const TfLiteTensor *in = edge(made->input(0), made->inputs_size(), MODEL_INPUT_SIZE);
    const TfLiteTensor *out = edge(made->output(0), made->outputs_size(), MODEL_OUTPUT_SIZE);
    if (in == nullptr || out == nullptr) {
        return wrong("model.h and the model array are not of the same model");
    }
    input = in->data.int8;
    output = out->data.int8;
    interpreter = made;
    return nullptr;
}

int8_t *ws_runtime_input(void) {
    return input;
}

const char *ws_runtime_invoke(void) {
    if (interpreter == nullptr) {
        return "the model was not initialised";
    }
    forget_text();
    return interpreter->Invoke() == kTfLiteOk ? nullptr : wrong();
}

const int8_t *ws_runtime_output(void) {
    return output;
}

void ws_runtime_reset(void) {
#ifdef MODEL_STATE_SIZE
    if (interpreter != nullptr && interpreter->Reset() != kTfLiteOk) {
        interpreter = nullptr; /* told by the next ws_runtime_invoke */
    }
#endif
}

const char *ws_runtime_bench(ws_runtime_tell_t tell) {
    if (interpreter == nullptr) {
        return ws_runtime_invoke();
    }
    layer_clock->tell = tell;
    layer_clock->layers = 0;
    const uint32_t start = ws_board_cycles();
    const char *failed = ws_runtime_invoke();
    const uint32_t taken = ws_board_cycles() - start;
    layer_clock->tell = nullptr;
    if (failed == nullptr && layer_clock->layers == 0) {
        tell(0, "MODEL", taken); /* a library without error texts has no names of operators */
    }
    return failed;
}

uint32_t ws_tflm_arena_used(void) {
    return interpreter == nullptr ? 0 : static_cast<uint32_t>(interpreter->arena_used_bytes());
}
