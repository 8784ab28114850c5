/* What a board need not have, or has in the way most boards do: weak, so that board.c overrides. */
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_vectors.h"

#define WS_DEFAULT __attribute__((weak))

/* --- clock: the SysTick runs freely through its 24 bits, downwards, without an interrupt --- */

#define SYSTICK_MASK 0xFFFFFFu
#define WS_MILLISECOND (WS_CLOCK_HZ / 1000u) /* cycles */

static uint32_t cycles;
static uint32_t last_count;
static uint32_t last_millisecond;

void ws_clock_start(void) {
    WS_SYST_RVR = SYSTICK_MASK;
    WS_SYST_CVR = 0;  /* any write clears it; it reloads with the next cycle */
    WS_SYST_CSR = 5u; /* processor clock, no interrupt, counting */
    cycles = 0;
    last_count = SYSTICK_MASK;
    last_millisecond = 0;
}

void ws_clock_tick(int on) {
    (void)ws_board_cycles();
    WS_SYST_CSR = on ? 7u : 5u; /* bit 1: interrupt at the wrap */
}

/* The interrupt at the wrap; WS_SYST_CSR tells whether there is one. */
WS_DEFAULT void SysTick_Handler(void) {
    (void)ws_board_cycles();
}

WS_DEFAULT uint32_t ws_board_cycles(void) {
    uint32_t masked;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(masked)::"memory");
    const uint32_t count = WS_SYST_CVR & SYSTICK_MASK;
    cycles += (last_count - count) & SYSTICK_MASK;
    last_count = count;
    const uint32_t now = cycles;
    __asm volatile("msr primask, %0" ::"r"(masked) : "memory");
    return now;
}

WS_DEFAULT int ws_board_millisecond(void) {
    const uint32_t now = ws_board_cycles();
    const uint32_t passed = now - last_millisecond;
    if (passed < WS_MILLISECOND) {
        return 0;
    }
    last_millisecond = passed < 2u * WS_MILLISECOND ? last_millisecond + WS_MILLISECOND : now;
    return 1;
}

/* --- console: written by the UART's interrupt, read by main; each index has one writer --- */

#define RECEIVED_SIZE 256u /* a power of two, so that the indices may wrap */

static volatile uint8_t received[RECEIVED_SIZE];
static volatile uint32_t received_head;
static volatile uint32_t received_tail;

void ws_board_received(uint8_t byte) {
    const uint32_t head = received_head;
    if (head - received_tail < RECEIVED_SIZE) {
        received[head % RECEIVED_SIZE] = byte;
        received_head = head + 1u;
    }
}

WS_DEFAULT int32_t ws_board_get(void) {
    const uint32_t tail = received_tail;
    if (tail == received_head) {
        return -1;
    }
    const int32_t byte = received[tail % RECEIVED_SIZE];
    received_tail = tail + 1u;
    return byte;
}

/* --- pieces that many boards lack --- */

WS_DEFAULT int ws_board_listen(void) {
    return 0;
}

WS_DEFAULT void ws_board_mute(void) {
}

WS_DEFAULT void ws_board_led(int on) {
    (void)on;
}

WS_DEFAULT void ws_board_watch(void) {
}

WS_DEFAULT void ws_board_sleep(void) {
}

/* --- without the application, nobody listens --- */

WS_DEFAULT void ws_capture_put(const int16_t *pcm, uint32_t count) {
    (void)pcm;
    (void)count;
}

WS_DEFAULT void ws_capture_lost(uint32_t samples) {
    (void)samples;
}
