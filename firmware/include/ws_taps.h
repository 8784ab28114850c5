/* Which positions of a filter or window lie inside the input, found once per output position. */
#ifndef WS_TAPS_H
#define WS_TAPS_H

#include <stdint.h>

/* Taps begin <= i < end are inside. */
typedef struct {
    int32_t begin;
    int32_t end;
} ws_taps;

/*
 * One direction: tap i of `taps` lies at start + i * dilation of an input of `size` positions.
 * Counted with steps instead of divided, for cores without a divider.
 */
static inline ws_taps ws_taps_inside(int32_t start, int32_t dilation, int32_t taps, int32_t size) {
    ws_taps inside = {0, taps};
    while (inside.begin < taps && start + inside.begin * dilation < 0) {
        inside.begin++;
    }
    while (inside.end > inside.begin && start + (inside.end - 1) * dilation >= size) {
        inside.end--;
    }
    return inside;
}

#endif /* WS_TAPS_H */
