/* The part of string.h that firmware may use; defined in memfns.c. A freestanding compiler has
   no string.h of its own. */
#ifndef WS_CORTEXM_STRING_H
#define WS_CORTEXM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t count);
void *memmove(void *destination, const void *source, size_t count);
void *memset(void *destination, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

#endif
