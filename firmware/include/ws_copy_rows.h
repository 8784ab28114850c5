/* Short rows of bytes from one place to another. */
#ifndef WS_COPY_ROWS_H
#define WS_COPY_ROWS_H

#include "ws_kernels.h"
#include "ws_memory.h"

/* A word from any address; by bytes on cores that would call memcpy for it. */
static WS_INLINE void ws_copy_four(int8_t *to, const int8_t *from) {
#if defined(__ARM_ARCH) && !defined(__ARM_FEATURE_UNALIGNED)
    const int8_t first = from[0], second = from[1], third = from[2], fourth = from[3];
    to[0] = first;
    to[1] = second;
    to[2] = third;
    to[3] = fourth;
#else
    memcpy(to, from, 4);
#endif
}

/* A loop of words is over before memcpy has begun. `to_next`, `from_next`: from row to row. */
static inline void ws_copy_rows(int8_t *to, int32_t to_next, const int8_t *from, int32_t from_next,
                                int32_t count, int32_t rows) {
    const int32_t words = count & ~3;
    to_next -= count;
    from_next -= count;
    for (; rows > 0; rows--) {
        const int8_t *last = from + words, *end = from + count;
        while (from < last) {
            ws_copy_four(to, from);
            to += 4;
            from += 4;
        }
        while (from < end) {
            *to++ = *from++;
        }
        to += to_next;
        from += from_next;
    }
}

#endif /* WS_COPY_ROWS_H */
