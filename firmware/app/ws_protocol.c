#include "ws_protocol.h"

#include "ws_board.h"
#include "ws_codec.h"
#include "ws_tell.h"
#include "ws_text.h"

#define WS_LINE_MOST 255u

static char line[WS_LINE_MOST + 1u];
static uint32_t length;
static int too_long;
static int unreadable;

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
        ws_tell_info();
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
