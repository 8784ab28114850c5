/*
 * The functions of libc that kernels and generated C use. Freestanding builds have no string.h; there the
 * board brings the definitions.
 */
#ifndef WS_MEMORY_H
#define WS_MEMORY_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

#endif /* WS_MEMORY_H */
