#include "ws_tell.h"

#include "ws_app.h"
#include "ws_cortexm.h"
#include "ws_detector_settings.h"
#include "ws_stream.h"
#include "ws_text.h"

const char *ws_refusal;

void ws_error_begin(void) {
    ws_put_text("error ");
}

void ws_error(const char *text) {
    ws_error_begin();
    ws_put_text(text);
    ws_put_text("\n");
}

void ws_tell_scores(uint32_t milliseconds) {
    ws_put_text("scores ");
    ws_put_unsigned(milliseconds);
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        ws_put_text(" ");
        ws_put_signed(ws_app_result.scores[i]);
    }
    ws_put_text("\n");
}

static void put_label(uint32_t index) {
#if defined(MODEL_LABEL_COUNT)
    ws_put_text(model_labels[index]);
#else
    ws_put_text("class ");
    ws_put_unsigned(index);
#endif
}

void ws_tell_event(void) {
    ws_put_text("event ");
    ws_put_unsigned(ws_stream_milliseconds());
    ws_put_text(" ");
    ws_put_unsigned(ws_stream_word);
    ws_put_text(" ");
    ws_put_signed(ws_stream_score);
    ws_put_text(" ");
    put_label(ws_stream_word);
    ws_put_text("\n");
}

static void put_number(const char *name, uint32_t value) {
    ws_put_text(name);
    ws_put_unsigned(value);
}

void ws_tell_info(void) {
    ws_put_text("protocol " WS_PROTOCOL_VERSION "\nname " WS_APP_NAME "\nversion " WS_APP_VERSION
                "\nboard " WS_BOARD_NAME "\nruntime " WS_RUNTIME_NAME "\nmodel " MODEL_HASH
                "\nfrontend " WS_FE_HASH);
    put_number("\nclock ", WS_CLOCK_HZ);
    put_number("\nrate ", WS_FE_SAMPLE_RATE);
    put_number("\nsamples ", WS_APP_SAMPLES);
    put_number("\nhop ", WS_FE_HOP);
    put_number("\ndetect ", WS_DETECT_EVERY);
    put_number(" ", WS_DETECT_AVERAGE);
    put_number(" ", WS_DETECT_PAUSE);
    put_number("\nstack ", ws_stack_used());
    put_number("\nlabels ", MODEL_OUTPUT_SIZE);
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        put_number("\nlabel ", i);
        ws_put_text(" ");
        ws_put_signed(ws_detect_threshold[i]);
        ws_put_text(" ");
        put_label(i);
    }
    ws_put_text("\nimage ");
    ws_put_hex(ws_integrity_crc());
    ws_put_text(ws_integrity_ok() ? " ok" : " wrong");
    ws_put_text("\nok info\n");
}
