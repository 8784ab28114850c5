#include "ws_protocol.h"

#include "ws_app.h"
#include "ws_board.h"
#include "ws_codec.h"
#include "ws_cortexm.h"
#include "ws_detector_settings.h"
#include "ws_stream.h"
#include "ws_text.h"

#define WS_LINE_MOST 255u

const char *ws_refusal;

static char line[WS_LINE_MOST + 1u];
static uint32_t length;
static int too_long;
static int unreadable;

/* --- telling --- */

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

static void info(void) {
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

/* --- obeying --- */

/* For the commands that run the model: the microphone is muted, or an error is told. */
static int ready_to_run(void) {
    if (ws_refusal != 0) {
        ws_error(ws_refusal);
        return 0;
    }
    ws_listen_mute();
    return 1;
}

static void stop(void) {
    if (ws_inject_stop()) {
        ws_put_text("ok stop\n");
    } else {
        ws_listen_stop();
    }
}

static void obey(const char *text) {
    if (ws_read_word(&text, "pcm")) {
        ws_inject_block(text);
        return;
    }
    if (ws_read_word(&text, "stop") && *text == '\0') {
        stop();
        return;
    }
    if (ws_inject_stop()) {
        ws_error("inject must bring all its samples before another command. It is over");
    }
    if (ws_read_word(&text, "inject")) {
        if (ready_to_run()) {
            ws_inject_start(text);
        }
        return;
    }
    const char *const words = text;
    if (ws_read_word(&text, "info") && *text == '\0') {
        info();
    } else if (ws_read_word(&text, "listen") && *text == '\0') {
        if (ready_to_run()) {
            ws_listen_start(1);
        }
    } else if (ws_read_word(&text, "selftest") && *text == '\0') {
        ws_listen_mute();
        ws_selftest();
    } else if (ws_read_word(&text, "bench") && *text == '\0') {
        if (ready_to_run()) {
            ws_bench();
        }
    } else {
        ws_error_begin();
        ws_put_text("a command must be info, selftest, bench, listen, stop, inject or pcm. "
                    "Received: ");
        for (uint32_t i = 0; i < 40u && words[i] != '\0'; i++) {
            ws_board_put((uint8_t)words[i]);
        }
        ws_put_text("\n");
    }
}

void ws_protocol_byte(uint8_t byte) {
    if (byte != '\n') {
        if (length == WS_LINE_MOST) {
            too_long = 1;
        } else {
            unreadable |= byte < ' ' || byte > '~';
            line[length++] = (char)byte;
        }
        return;
    }
    if (length > 0 && line[length - 1u] == '\r') {
        length--;
        unreadable = 0;
        for (uint32_t i = 0; i < length; i++) {
            unreadable |= line[i] < ' ' || line[i] > '~';
        }
    }
    line[length] = '\0';
    if (too_long) {
        ws_error("a line must have at most 255 bytes");
    } else if (unreadable) {
        ws_error("a line must be printable ASCII");
    } else if (length > 0) {
        obey(line);
    }
    length = 0;
    too_long = 0;
    unreadable = 0;
}
