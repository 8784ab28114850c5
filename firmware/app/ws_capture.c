#include "ws_capture.h"

#include <string.h>

#if WS_CAPTURE_SIZE < 2 || (WS_CAPTURE_SIZE & (WS_CAPTURE_SIZE - 1)) != 0
#error "WS_CAPTURE_SIZE must be a power of two"
#endif

/* The compiler must not move samples past the index that hands them over. One core runs interrupt
   and main, so the processor needs no barrier. */
#define WS_HAND_OVER() __asm volatile("" ::: "memory")

/* Only ws_capture_put names the memory: where nothing calls it, the linker drops both. */
static int16_t memory[WS_CAPTURE_SIZE];
static const int16_t *volatile samples;

/* Written by the interrupt. Indices count all samples ever and wrap with 32 bits. */
static volatile uint32_t head;
static volatile uint32_t gap;     /* number of the last gap */
static volatile uint32_t lost[2]; /* samples dropped in gap g: lost[g % 2] */

/* Written by main. */
static volatile uint32_t tail;
static volatile uint32_t noticed; /* number of the last gap that main has noticed */

/* Gap g keeps its count until gap g + 2 opens, which needs that main has noticed g + 1. */
static void drop(uint32_t count) {
    uint32_t number = gap;
    if (number == noticed) {
        number++;
        lost[number % 2u] = count;
        gap = number;
    } else {
        lost[number % 2u] += count;
    }
}

void ws_capture_put(const int16_t *pcm, uint32_t count) {
    uint32_t stored = 0;
    if (gap == noticed) {
        const uint32_t at = head;
        const uint32_t room = WS_CAPTURE_SIZE - (at - tail);
        stored = count < room ? count : room;
        const uint32_t place = at % WS_CAPTURE_SIZE;
        const uint32_t first = stored < WS_CAPTURE_SIZE - place ? stored : WS_CAPTURE_SIZE - place;
        memcpy(memory + place, pcm, first * sizeof *pcm);
        memcpy(memory, pcm + first, (stored - first) * sizeof *pcm);
        samples = memory;
        WS_HAND_OVER();
        head = at + stored;
    }
    if (stored < count) {
        drop(count - stored);
    }
}

void ws_capture_lost(uint32_t count) {
    if (count > 0) {
        drop(count);
    }
}

void ws_capture_reset(void) {
    head = 0;
    tail = 0;
    gap = 0;
    noticed = 0;
}

int ws_capture_take(int16_t *pcm, uint32_t count) {
    const uint32_t at = tail;
    if (head - at < count) {
        return 0;
    }
    WS_HAND_OVER();
    const uint32_t place = at % WS_CAPTURE_SIZE;
    const uint32_t first = count < WS_CAPTURE_SIZE - place ? count : WS_CAPTURE_SIZE - place;
    const int16_t *from = samples;
    memcpy(pcm, from + place, first * sizeof *pcm);
    memcpy(pcm + first, from, (count - first) * sizeof *pcm);
    WS_HAND_OVER();
    tail = at + count;
    return 1;
}

int ws_capture_waiting(uint32_t count) {
    return head - tail >= count || gap != noticed;
}

uint32_t ws_capture_gap(void) {
    const uint32_t number = gap;
    if (number == noticed) {
        return 0;
    }
    const uint32_t rest = head - tail;
    tail = head;
    noticed = number; /* from here on the interrupt stores again, and leaves the count alone */
    return rest + lost[number % 2u];
}
