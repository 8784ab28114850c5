/* The four memory functions that compilers call by themselves.

   The loops must not be recognised as what they are, or memcpy would be compiled into a call of
   memcpy: hence WS_PLAIN_LOOPS. */
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#define WS_PLAIN_LOOPS __attribute__((no_builtin))
#else
#define WS_PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

typedef uint32_t __attribute__((may_alias)) word_t;

/* Both addresses can be walked in words together once one of them is aligned. */
static int same_phase(const void *a, const void *b) {
    return (((uintptr_t)a ^ (uintptr_t)b) & 3u) == 0;
}

WS_PLAIN_LOOPS void *memcpy(void *restrict destination, const void *restrict source, size_t count) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    if (count >= 8 && same_phase(to, from)) {
        while (((uintptr_t)to & 3u) != 0) {
            *to++ = *from++;
            count--;
        }
        while (count >= 4) {
            *(word_t *)(void *)to = *(const word_t *)(const void *)from;
            to += 4;
            from += 4;
            count -= 4;
        }
    }
    while (count > 0) {
        *to++ = *from++;
        count--;
    }
    return destination;
}

WS_PLAIN_LOOPS void *memmove(void *destination, const void *source, size_t count) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    if ((uintptr_t)to - (uintptr_t)from >= count) { /* forwards never overtakes its source */
        if (count >= 8 && same_phase(to, from)) {
            while (((uintptr_t)to & 3u) != 0) {
                *to++ = *from++;
                count--;
            }
            while (count >= 4) {
                *(word_t *)(void *)to = *(const word_t *)(const void *)from;
                to += 4;
                from += 4;
                count -= 4;
            }
        }
        while (count > 0) {
            *to++ = *from++;
            count--;
        }
        return destination;
    }
    while (count > 0) {
        count--;
        to[count] = from[count];
    }
    return destination;
}

WS_PLAIN_LOOPS void *memset(void *destination, int value, size_t count) {
    uint8_t *to = destination;
    uint8_t byte = (uint8_t)value;
    if (count >= 8) {
        word_t word = (word_t)byte * 0x01010101u;
        while (((uintptr_t)to & 3u) != 0) {
            *to++ = byte;
            count--;
        }
        while (count >= 4) {
            *(word_t *)(void *)to = word;
            to += 4;
            count -= 4;
        }
    }
    while (count > 0) {
        *to++ = byte;
        count--;
    }
    return destination;
}

WS_PLAIN_LOOPS int memcmp(const void *left, const void *right, size_t count) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}
