/*
 * Clips from the console, results back to it.
 *
 * A clip is sent as the four bytes "WSP1", the number of samples (32 bits, little-endian), then the
 * samples (int16, little-endian). The answer is
 *
 *     result <index> <score> <label>
 *     scores <int8> <int8> ...
 *
 * or one line that begins with "error", after which the next clip is welcome: bytes before a "WSP1"
 * are skipped (and told once), a message that stays incomplete for WS_APP_PATIENCE_MS is dropped.
 *
 * The UART holds one byte: on real hardware the sender must not be faster than one hop per hop's
 * computation, or use a board.c that buffers.
 */
#include "ws_app.h"
#include "ws_board.h"
#include "ws_runtime.h"
#include "ws_text.h"

#define WS_APP_PATIENCE_MS 500u
#define WS_APP_MOST_SAMPLES (WS_FE_SAMPLE_RATE * 3600u) /* an hour */

#ifndef WS_APP_NAME
#define WS_APP_NAME "wakesmith"
#endif

static int16_t hop[WS_FE_HOP];

/* The next byte, or -1 after WS_APP_PATIENCE_MS of silence; `forever` waits on. */
static int32_t next_byte(int forever) {
    uint32_t silence = 0;
    for (;;) {
        const int32_t byte = ws_board_get();
        if (byte >= 0) {
            return byte;
        }
        if (ws_board_millisecond() && !forever && ++silence >= WS_APP_PATIENCE_MS) {
            return -1;
        }
        ws_board_sleep();
    }
}

/* Skip to the end of the next "WSP1"; what was skipped is told once. */
static void find_magic(int told) {
    static const uint8_t magic[4] = {'W', 'S', 'P', '1'};
    uint32_t matched = 0;
    while (matched < sizeof magic) {
        const int32_t byte = next_byte(matched == 0 && !told);
        if (byte < 0) {
            if (matched > 0) {
                ws_put_text("error header must be complete\n");
            }
            matched = 0;
            told = 0; /* silence: a new mistake may follow */
        } else if (byte == magic[matched]) {
            matched++;
        } else {
            if (!told) {
                ws_put_text("error header must begin with WSP1\n");
                told = 1;
            }
            matched = byte == magic[0] ? 1 : 0;
        }
    }
}

static int read_count(uint32_t *count) {
    *count = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        const int32_t byte = next_byte(0);
        if (byte < 0) {
            ws_put_text("error header must be complete\n");
            return 0;
        }
        *count |= (uint32_t)byte << shift;
    }
    return 1;
}

/* Hear `count` samples; a last part of a hop is read and not heard. */
static int hear(uint32_t count) {
    uint32_t filled = 0;
    ws_app_begin();
    for (uint32_t i = 0; i < count; i++) {
        const int32_t low = next_byte(0);
        const int32_t high = low < 0 ? -1 : next_byte(0);
        if (high < 0) {
            ws_put_text("error clip must bring ");
            ws_put_unsigned(count);
            ws_put_text(" samples. Received: ");
            ws_put_unsigned(i);
            ws_put_text("\n");
            return 0;
        }
        hop[filled] = (int16_t)(uint16_t)((uint32_t)high << 8 | (uint32_t)low);
        if (++filled == WS_FE_HOP) {
            ws_app_hop(hop);
            filled = 0;
        }
    }
    return 1;
}

static void put_error(const char *wrong) {
    ws_put_text("\nerror ");
    ws_put_text(wrong);
    ws_put_text("\n");
}

static void tell(void) {
    ws_put_text("result ");
    ws_put_unsigned(ws_app_result.label);
    ws_put_text(" ");
    ws_put_signed(ws_app_result.score);
    ws_put_text(" ");
#if defined(MODEL_LABEL_COUNT)
    ws_put_text(model_labels[ws_app_result.label]);
#else
    ws_put_text("-");
#endif
    ws_put_text("\nscores");
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        ws_put_text(" ");
        ws_put_signed(ws_app_result.scores[i]);
    }
    ws_put_text("\n");
}

int main(void) {
    int told = 0;
    const char *wrong = ws_runtime_init();
    ws_put_text("name " WS_APP_NAME "\nboard " WS_BOARD_NAME "\nmodel " MODEL_HASH
                "\nfrontend " WS_FE_HASH "\nlabels ");
    ws_put_unsigned(MODEL_OUTPUT_SIZE);
    if (wrong != 0) {
        put_error(wrong);
        for (;;) {
            ws_board_sleep();
        }
    }
    ws_put_text("\nready samples ");
    ws_put_unsigned(WS_APP_SAMPLES);
    ws_put_text("\n");
    for (;;) {
        uint32_t count;
        find_magic(told);
        told = 0;
        if (!read_count(&count)) {
            continue;
        }
        if (count < WS_APP_SAMPLES || count > WS_APP_MOST_SAMPLES) {
            ws_put_text("error samples must be ");
            ws_put_unsigned(WS_APP_SAMPLES);
            ws_put_text(" to ");
            ws_put_unsigned(WS_APP_MOST_SAMPLES);
            ws_put_text(". Received: ");
            ws_put_unsigned(count);
            ws_put_text("\n");
            told = 1; /* what follows are the samples of a clip that is not wanted */
            continue;
        }
        if (hear(count)) {
            if (ws_app_classify()) {
                tell();
            } else {
                put_error(ws_app_wrong);
            }
        }
    }
}
