/* `listen`: the microphone fills the ring of ws_capture, main empties it into the stream. */
#include "ws_app.h"
#include "ws_board.h"
#include "ws_capture.h"
#include "ws_protocol.h"
#include "ws_stream.h"
#include "ws_tell.h"
#include "ws_text.h"

#define SILENCE_MS 1000u /* without a sample: the microphone does not work */
#define LIGHT_MS 500u    /* that the LED is on after an event */

static int listening;
static int stuck;         /* told of equal samples */
static uint32_t silent;   /* milliseconds without a hop; stops when told */
static uint32_t light;    /* milliseconds that the LED is still on */
static uint32_t events;   /* since `listen` */
static uint32_t overruns; /* since `listen` */

void ws_listen_start(int asked) {
    ws_capture_reset();
    ws_stream_begin();
    stuck = 0;
    silent = 0;
    events = 0;
    overruns = 0;
    if (!ws_board_listen()) {
        if (asked) {
            ws_error("listen must find a microphone. Received: a board without one. Use inject");
        }
        return;
    }
    listening = 1;
    ws_clock_tick(1);
    ws_put_text("ok listen\n");
}

void ws_listen_mute(void) {
    if (listening) {
        ws_board_mute();
        ws_clock_tick(0);
        ws_board_led(0);
        light = 0;
        listening = 0;
    }
}

void ws_listen_stop(void) {
    if (!listening) {
        ws_error("stop must follow listen or inject");
        return;
    }
    ws_listen_mute();
    ws_put_text("heard ");
    ws_put_unsigned(ws_stream_milliseconds());
    ws_put_text(" events ");
    ws_put_unsigned(events);
    ws_put_text(" overruns ");
    ws_put_unsigned(overruns);
    ws_put_text("\nok stop\n");
}

static void hear(void) {
    switch (ws_stream_hop(ws_app_buffer)) {
    case WS_STREAM_EVENT:
        events++;
        light = LIGHT_MS;
        ws_board_led(1);
        ws_tell_event();
        break;
    case WS_STREAM_STUCK:
        if (!stuck) {
            ws_error_begin();
            ws_put_text("the microphone must not give one value for a second. Received: ");
            ws_put_signed(ws_app_buffer[0]);
            ws_put_text(" at ");
            ws_put_unsigned(ws_stream_milliseconds());
            ws_put_text(" ms\n");
            stuck = 1;
        }
        break;
    case WS_STREAM_WRONG:
        ws_listen_mute();
        ws_error(ws_app_wrong);
        break;
    case WS_STREAM_SCORES:
        stuck = 0;
        break;
    case WS_STREAM_QUIET:
        break;
    }
}

int ws_listen_step(void) {
    if (!listening) {
        return 0;
    }
    if (ws_capture_take(ws_app_buffer, WS_FE_HOP)) {
        silent = 0;
        hear();
        return 1;
    }
    const uint32_t lost = ws_capture_gap();
    if (lost == 0) {
        return 0;
    }
    overruns++;
    ws_error_begin();
    ws_put_text("overrun ");
    ws_put_unsigned(overruns);
    ws_put_text(": ");
    ws_put_unsigned(lost);
    ws_put_text(" samples lost at ");
    ws_put_unsigned(ws_stream_milliseconds());
    ws_put_text(" ms\n");
    ws_stream_skip(lost);
    return 1;
}

void ws_listen_tick(uint32_t milliseconds) {
    if (!listening) {
        return;
    }
    if (light > 0) {
        light = light > milliseconds ? light - milliseconds : 0;
        ws_board_led(light > 0);
    }
    if (silent < SILENCE_MS) {
        silent += milliseconds;
        if (silent >= SILENCE_MS) {
            ws_error("the microphone must give samples. Received: none for a second");
        }
    }
}
