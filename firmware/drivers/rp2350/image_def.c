/* RP2350: the image definition, which the boot ROM searches for in the first 4 kB of the flash.

   RP2350 Datasheet, 5.9.1 "Blocks and block loops" and 5.9.5.1 "Minimum Arm IMAGE_DEF": one block
   in a loop of its own, with one item. It names no vector table, so the one at the image's begin is
   taken. */
#include <stdint.h>

__attribute__((section(".vectors.image"), used)) const uint32_t ws_image_def[5] = {
    0xFFFFDED3u, /* begin of a block */
    0x10210142u, /* IMAGE_TYPE, one word: executable, Arm, Secure, RP2350 */
    0x000001FFu, /* last item: all others take one word */
    0x00000000u, /* the next block of the loop is this one */
    0xAB123579u, /* end of a block */
};
