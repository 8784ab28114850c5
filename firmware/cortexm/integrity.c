/* Is the image in flash still the one that was built? docs/SPEC.md, "Image". */
#include "ws_cortexm.h"
#include "ws_crc32.h"
#include "ws_vectors.h"

extern const uint8_t __image_start[];
extern const uint8_t __image_end[];

/* Written after linking; read as volatile, because the compiler knows the value that stands here.
 */
__attribute__((section(".vectors.crc"), used)) const uint32_t ws_image_crc = 0xFFFFFFFFu;

/* Of the bytes from `from` up to `end`. */
static uint32_t add(uint32_t crc, const uint8_t *from, const uint8_t *end) {
    return ws_crc32(crc, from, (uint32_t)((uintptr_t)end - (uintptr_t)from));
}

uint32_t ws_integrity_crc(void) {
    const uint8_t *word = (const uint8_t *)(uintptr_t)&ws_image_crc;
    return add(add(0, __image_start, word), word + sizeof ws_image_crc, __image_end);
}

int ws_integrity_ok(void) {
    return ws_integrity_crc() == *(const volatile uint32_t *)&ws_image_crc;
}
