/* `inject`: sound from the host in checked lines, each asked for with `send`. */
#include <string.h>

#include "ws_app.h"
#include "ws_board.h"
#include "ws_codec.h"
#include "ws_crc32.h"
#include "ws_protocol.h"
#include "ws_stream.h"
#include "ws_tell.h"
#include "ws_text.h"

#define BLOCK_SAMPLES 80u
#define PATIENCE_MS 5000u
#define MOST_SAMPLES (WS_FE_SAMPLE_RATE * 3600u) /* an hour */
#define MOST_MISTAKES 16u                        /* in a row */

static int active;
static int streaming; /* results of the stream, else those of the last window */
static uint32_t total;
static uint32_t left; /* samples still to come */
static uint32_t next; /* number of the block that is asked for */
static uint32_t mistakes;
static uint32_t waited; /* milliseconds since the last block */
static uint32_t filled;

/* While samples are awaited, nobody sleeps for long. */
static void set_active(int on) {
    if (active != on) {
        active = on;
        ws_clock_tick(on);
    }
}

static void ask(void) {
    ws_put_text("send ");
    ws_put_unsigned(next);
    ws_put_text(" ");
    ws_put_unsigned(left);
    ws_put_text("\n");
}

void ws_inject_start(const char *text) {
    uint32_t count;
    const int numbered = ws_read_number(&text, &count);
    const int stream = ws_read_word(&text, "stream");
    if (!numbered || (!stream && !ws_read_word(&text, "clip")) || *text != '\0') {
        ws_error("inject must be followed by a number of samples and clip or stream");
        return;
    }
    const uint32_t least = stream ? 1u : WS_APP_SAMPLES;
    if (count < least || count > MOST_SAMPLES) {
        ws_error_begin();
        ws_put_text("samples must be ");
        ws_put_unsigned(least);
        ws_put_text(" to ");
        ws_put_unsigned(MOST_SAMPLES);
        ws_put_text(". Received: ");
        ws_put_unsigned(count);
        ws_put_text("\n");
        return;
    }
    streaming = stream;
    total = count;
    left = count;
    next = 0;
    mistakes = 0;
    waited = 0;
    filled = 0;
    set_active(1);
    ws_stream_begin();
    ask();
}

int ws_inject_stop(void) {
    const int was = active;
    set_active(0);
    return was;
}

static void fail(const char *why) {
    set_active(0);
    ws_error(why);
}

static void mistake(const char *why) {
    ws_error(why);
    if (++mistakes < MOST_MISTAKES) {
        ask();
    } else {
        fail("inject must get a block right in 16 attempts. It is over");
    }
}

/* One full hop; 0 when the model failed and the injection is over. */
static int hear(void) {
    if (!streaming) {
        ws_app_hop(ws_app_buffer);
        return 1;
    }
    const ws_stream_t result = ws_stream_hop(ws_app_buffer);
    if (result == WS_STREAM_WRONG) {
        fail(ws_app_wrong);
        return 0;
    }
    if (result == WS_STREAM_SCORES || result == WS_STREAM_EVENT) {
        ws_tell_scores(ws_stream_milliseconds());
    }
    if (result == WS_STREAM_EVENT) {
        ws_tell_event();
    }
    return 1;
}

static void finish(void) {
    set_active(0);
    if (!streaming) {
        if (!ws_app_classify()) {
            ws_error(ws_app_wrong);
            return;
        }
        ws_tell_scores(total / (WS_FE_SAMPLE_RATE / 1000u));
    }
    ws_put_text("ok inject\n");
}

void ws_inject_block(const char *text) {
    uint8_t data[2u * BLOCK_SAMPLES];
    uint32_t index;
    uint32_t crc;
    if (!active) {
        ws_error("pcm must follow inject");
        return;
    }
    waited = 0;
    if (!ws_read_number(&text, &index) || !ws_read_hex(&text, &crc)) {
        mistake("pcm must be followed by a number, a CRC of 8 hex digits and base64");
        return;
    }
    const int32_t count = ws_read_base64(text, data, sizeof data);
    if (count < 2 || count % 2 != 0 || (uint32_t)count / 2u > left) {
        mistake("pcm must bring 1 to 80 samples in base64, and no more than are left");
        return;
    }
    if (ws_crc32(0, data, (uint32_t)count) != crc) {
        mistake("pcm must have the CRC that it names");
        return;
    }
    if (index != next) {
        mistake("pcm must be the block that was asked for");
        return;
    }
    for (int32_t i = 0; i < count; i += 2) {
        ws_app_buffer[filled] = (int16_t)(uint16_t)(data[i] | (uint32_t)data[i + 1] << 8);
        left--;
        if (++filled == WS_FE_HOP) {
            filled = 0;
            if (!hear()) {
                return;
            }
        }
    }
    next++;
    mistakes = 0;
    if (left > 0) {
        ask();
    } else {
        finish();
    }
}

void ws_inject_tick(uint32_t milliseconds) {
    waited += milliseconds;
    if (active && waited >= PATIENCE_MS) {
        fail("inject must go on within 5 seconds. It is over");
    }
}
