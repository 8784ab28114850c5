/* The CRC that guards the image and the protocol's blocks. */
#ifndef WS_CRC32_H
#define WS_CRC32_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CRC-32 of IEEE 802.3 (reflected, polynomial 0x04C11DB7), as zlib.crc32: ws_crc32(0, all) or,
   piece by piece, with the last result. */
uint32_t ws_crc32(uint32_t crc, const void *data, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
