"""A small program for boards with a microphone: keeps what it hears, and obeys single letters."""

from __future__ import annotations

SOURCE = r"""
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_text.h"

int16_t kept[16000];
volatile uint32_t count;
volatile uint32_t lost;
volatile uint32_t blocks;

void ws_capture_put(const int16_t *pcm, uint32_t samples) {
    blocks++;
    for (uint32_t i = 0; i < samples && count < sizeof kept / sizeof kept[0]; i++) {
        kept[count++] = pcm[i];
    }
}

void ws_capture_lost(uint32_t samples) {
    lost += samples;
}

int main(void) {
    ws_put_text("hello\n");
    int listening = 0;
    for (;;) {
        __asm volatile("cpsid i" ::: "memory");
        const int32_t byte = ws_board_get();
        if (byte < 0) {
            ws_board_sleep();
        }
        __asm volatile("cpsie i" ::: "memory");
        ws_board_led(listening);
        switch (byte) {
        case 'l':
            listening = ws_board_listen();
            break;
        case 'm':
            ws_board_mute();
            listening = 0;
            break;
        case 'h': { /* a tenth of a second in which no interrupt comes through */
            __asm volatile("cpsid i" ::: "memory");
            const uint32_t begin = ws_board_cycles();
            while (ws_board_cycles() - begin < WS_CLOCK_HZ / 10u) {
            }
            __asm volatile("cpsie i" ::: "memory");
            break;
        }
        case 'x':
            for (;;) {
            }
        default:
            break;
        }
        if (byte >= 0) {
            ws_board_put((uint8_t)byte);
        } else {
            ws_board_watch();
        }
    }
}
"""
