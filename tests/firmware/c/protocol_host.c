/* The application without main on this machine: bytes from standard input, answers to standard
   output. A zero byte passes a second of time. */
#include <stdio.h>

#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_protocol.h"
#include "ws_runtime.h"
#include "ws_tell.h"

static uint32_t cycles;

void ws_board_put(uint8_t byte) {
    putchar(byte);
}

uint32_t ws_board_cycles(void) {
    return cycles += 1000u;
}

int ws_board_listen(void) {
    return 0;
}

void ws_board_mute(void) {
}

void ws_board_led(int on) {
    (void)on;
}

void ws_board_watch(void) {
}

void ws_clock_tick(int on) {
    (void)on;
}

uint32_t ws_integrity_crc(void) {
    return 0;
}

int ws_integrity_ok(void) {
    return 1;
}

uint32_t ws_stack_used(void) {
    return 0;
}

int main(void) {
    int byte;
    ws_refusal = ws_runtime_init();
    while ((byte = getchar()) != EOF) {
        if (byte == 0) {
            ws_listen_tick(1000);
            ws_inject_tick(1000);
        }
        ws_protocol_byte((uint8_t)byte);
    }
    return 0;
}
