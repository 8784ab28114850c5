/* Is the image in flash still the one that was built? docs/SPEC.md, "Image".

   The CRC is that of IEEE 802.3 (reflected, polynomial 0x04C11DB7), four bits at a time: 64 bytes
   of table and a few instructions per byte of flash, where a table of 256 words would be larger
   than many a layer. */
#include "ws_cortexm.h"
#include "ws_vectors.h"

extern const uint8_t __image_start[];
extern const uint8_t __image_end[];

/* Written after linking; read as volatile, because the compiler knows the value that stands here.
 */
__attribute__((section(".vectors.crc"), used)) const uint32_t ws_image_crc = 0xFFFFFFFFu;

static uint32_t add(uint32_t crc, const uint8_t *from, const uint8_t *end) {
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    for (const volatile uint8_t *byte = from; byte != end; byte++) {
        crc ^= *byte;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return crc;
}

uint32_t ws_integrity_crc(void) {
    const uint8_t *word = (const uint8_t *)(uintptr_t)&ws_image_crc;
    const uint32_t before = add(0xFFFFFFFFu, __image_start, word);
    return ~add(before, word + sizeof ws_image_crc, __image_end);
}

int ws_integrity_ok(void) {
    return ws_integrity_crc() == *(const volatile uint32_t *)&ws_image_crc;
}
