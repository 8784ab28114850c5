/*
 * The two functions of libc that the kernels use. Freestanding builds have no string.h; there the
 * board brings the definitions.
 */
#ifndef WS_MEMORY_H
#define WS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);

/* `count` bytes, `by` bytes further up, move down; no copy of `by` bytes at a time overlaps. */
static inline void ws_move_down(int8_t *to, size_t by, size_t count) {
    for (; count > by; count -= by) {
        memcpy(to, to + by, by);
        to += by;
    }
    memcpy(to, to + by, count);
}

#endif /* WS_MEMORY_H */
