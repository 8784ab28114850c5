/* A random order of interrupts and main against a model of what ws_capture.h promises. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ws_capture.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static uint32_t seed = 1;

static uint32_t draw(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

int main(void) {
    int16_t block[3 * WS_CAPTURE_SIZE];
    uint32_t made = 0;  /* samples that the microphone gave; sample i has the value i mod 2^16 */
    uint32_t heard = 0; /* place of the next sample that main must get */
    uint32_t gaps = 0;
    for (int round = 0; round < 3; round++) {
        ws_capture_reset();
        made = heard = 0;
        CHECK(ws_capture_gap() == 0 && !ws_capture_waiting(1));
        for (int turn = 0; turn < 200000; turn++) {
            const uint32_t kind = draw(20);
            if (kind < 9) { /* the interrupt */
                const uint32_t count = draw(kind == 0 ? 3u * WS_CAPTURE_SIZE : 40u);
                for (uint32_t i = 0; i < count; i++) {
                    block[i] = (int16_t)(uint16_t)(made + i);
                }
                ws_capture_put(block, count);
                made += count;
            } else if (kind == 9) { /* DMA overran */
                const uint32_t count = draw(100) == 0 ? draw(500) : 0;
                ws_capture_lost(count);
                made += count;
            } else { /* main */
                const uint32_t count = 1u + draw(30);
                const int waiting = ws_capture_waiting(count);
                memset(block, 0x55, sizeof block);
                if (ws_capture_take(block, count)) {
                    CHECK(waiting);
                    for (uint32_t i = 0; i < count; i++) {
                        CHECK(block[i] == (int16_t)(uint16_t)(heard + i));
                    }
                    CHECK(block[count] == 0x5555);
                    heard += count;
                    CHECK(heard <= made);
                } else {
                    const uint32_t lost = ws_capture_gap();
                    CHECK(lost == 0 || waiting);
                    CHECK(lost > 0 || made - heard < count);
                    heard += lost;
                    gaps += lost > 0;
                    CHECK(lost == 0 || heard == made);
                }
            }
        }
        while (ws_capture_take(block, 1)) {
            CHECK(block[0] == (int16_t)(uint16_t)heard);
            heard++;
        }
        heard += ws_capture_gap();
        CHECK(heard == made); /* nothing is lost in silence */
    }
    CHECK(gaps > 100);
    /* Indices wrap with 32 bits: 2^32 samples in blocks of the whole ring. */
    ws_capture_reset();
    for (uint32_t i = 0; i < 0xFFFFFFFFu / WS_CAPTURE_SIZE + 3u; i++) {
        block[0] = (int16_t)(uint16_t)i;
        ws_capture_put(block, WS_CAPTURE_SIZE);
        CHECK(ws_capture_take(block + WS_CAPTURE_SIZE, WS_CAPTURE_SIZE));
        CHECK(block[WS_CAPTURE_SIZE] == (int16_t)(uint16_t)i);
        CHECK(ws_capture_gap() == 0);
    }
    puts("ok");
    return 0;
}
