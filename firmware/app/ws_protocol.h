/*
 * The serial protocol: text lines, answered in text lines. docs/PROTOCOL.md describes it.
 *
 * ws_protocol.c reads lines and knows the commands; ws_listen.c, ws_inject.c, ws_selftest.c and
 * ws_bench.c are what they do, ws_tell.c says what came of it.
 */
#ifndef WS_PROTOCOL_H
#define WS_PROTOCOL_H

#include <stdint.h>

/* Take one byte from the console; at the end of a line it is obeyed. */
void ws_protocol_byte(uint8_t byte);

/* --- listening to the microphone (ws_listen.c) --- */

/* `asked`: tell also that there is no microphone. */
void ws_listen_start(int asked);
void ws_listen_stop(void);

/* Microphone off, nothing said: before another command needs the model. */
void ws_listen_mute(void);

/* Hear what the microphone has brought; 0 when there was nothing to do. */
int ws_listen_step(void);

/* Time has passed. */
void ws_listen_tick(uint32_t milliseconds);

/* --- sound from the host (ws_inject.c) --- */

void ws_inject_start(const char *arguments);
void ws_inject_block(const char *arguments);

/* 1 when an injection was under way; it is over now. */
int ws_inject_stop(void);
void ws_inject_tick(uint32_t milliseconds);

/* --- checks (ws_selftest.c, ws_bench.c) --- */

void ws_selftest(void);
void ws_bench(void);

/*
 * Noise for checks: sample after sample of a linear congruential generator, louder from block to
 * block. `state` begins as a seed.
 */
int16_t ws_noise(uint32_t *state, uint32_t index);

#endif
