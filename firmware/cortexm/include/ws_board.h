/*
 * What a board offers: implemented by boards/<board>/board.c. WS_CLOCK_HZ, WS_CONSOLE_UART and
 * WS_BOARD_NAME come from its board.toml.
 *
 * Whatever is not marked as needed has a weak definition in cortexm/board_defaults.c, for boards
 * that lack the piece.
 */
#ifndef WS_BOARD_H
#define WS_BOARD_H

#include <stdint.h>

/* Clocks, console, LED; needed. `ws_clock_start` starts the clock of the default functions. */
void ws_board_init(void);

/* Write one byte to the console; waits while its buffer is full; needed. */
void ws_board_put(uint8_t byte);

/*
 * The next byte from the console, or -1 when there is none yet. The default takes what an interrupt
 * has handed to `ws_board_received`; a board without interrupts reads its UART here.
 */
int32_t ws_board_get(void);

/* True once for every millisecond that has passed (at most; late calls lose some). */
int ws_board_millisecond(void);

/*
 * Clock cycles of the processor since some moment; wraps. The default extends the 24 bits of the
 * SysTick and must be called at least every 2^24 cycles, or ws_clock_tick be on.
 */
uint32_t ws_board_cycles(void);

/*
 * Start the microphone; returns 0 where the board has none, which is what the default does. The
 * driver fills two blocks in turn, and calls ws_capture_put or ws_capture_lost (ws_capture.h) from
 * the interrupt that ends a block.
 */
int ws_board_listen(void);

/* Stop the microphone. */
void ws_board_mute(void);

void ws_board_led(int on);

/* Feed the watchdog. */
void ws_board_watch(void);

/*
 * Called when there is nothing to do, with interrupts masked (PRIMASK), so that none is missed
 * between looking and sleeping. A board whose UART and microphone interrupt waits for an interrupt
 * (wfi: a pending one ends it although it is masked); the default returns at once, which is what a
 * board that must look at its UART needs. Emulators stop or let time pass here.
 */
void ws_board_sleep(void);

/* --- for the microphone's interrupt; the application's ring (ws_capture.h) takes what comes --- */

/* The next `count` samples. */
void ws_capture_put(const int16_t *pcm, uint32_t count);

/* The next `samples` samples were lost before they reached memory. */
void ws_capture_lost(uint32_t samples);

/* --- offered to boards by board_defaults.c --- */

/* Let the SysTick count the processor's clock, for the default millisecond and cycle counters. */
void ws_clock_start(void);

/* With an interrupt at every 2^24 cycles or without, as after start: with it the cycle counter
   never loses time, and nobody sleeps longer. Counts of instructions are steadier without. */
void ws_clock_tick(int on);

/* A byte from the console: called from its interrupt. More than fit are dropped. */
void ws_board_received(uint8_t byte);

#endif
