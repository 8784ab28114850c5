/* For structs that assembly reads: their fields must be where it takes them from. */
#ifndef WS_LAYOUT_H
#define WS_LAYOUT_H

#include <stddef.h>

/* `field` is `at` bytes from the beginning of `type`; an array of negative size refuses to compile.
 */
#define WS_FIELD_AT(type, field, at)                                                               \
    typedef char type##_##field##_moved[offsetof(type, field) == (at) ? 1 : -1]

#endif /* WS_LAYOUT_H */
