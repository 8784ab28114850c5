/*
 * The inner loops of the DSP kernels with weights of 4 bits, which are decoded in registers. Four
 * neighbouring values' weights of two channels are a word; a byte holds those of one value.
 */
#include "ws_dsp_dots.h"

#include "ws_dsp.h"
#include "ws_dsp_asm.h"

#if WS_HAS_DSP

/* An instruction per line: */
/* clang-format off */

#define BEGIN                                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "sub sp, #52\n\t"                                                                              \
    "ldmia r0!, {r3-r11}\n\t"                                                                      \
    "stmia sp, {r3-r11}\n\t"                                                                       \
    "ldmia r0, {r3-r6}\n\t"                                                                        \
    "add r2, sp, #36\n\t"                                                                          \
    "stmia r2, {r3-r6}\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp]\n\t"                                                                             \
    WS_ZERO_SUMS                                                                                   \
    "2:\n\t"                                                                                       \
    "ldr r1, [sp, #36]\n\t"                                                                        \
    "ldr r3, [r1], #4\n\t"                                                                         \
    "str r1, [sp, #36]\n\t"

#define END_OF_VALUES                                                                              \
    "ldr r2, [sp, #4]\n\t"                                                                         \
    "cmp r0, r2\n\t"                                                                               \
    "bne 2b\n\t"

#define END                                                                                        \
    "ldr r2, [sp, #32]\n\t"                                                                        \
    "subs r2, #1\n\t"                                                                              \
    "str r2, [sp, #32]\n\t"                                                                        \
    "bne 1b\n\t"                                                                                   \
    "add sp, #52\n\t"                                                                              \
    "pop {r4-r11, pc}\n\t"

/*
 * A byte is 16 a + b as an int8: extended, it serves for 16 A + B; its low half, moved up, for 16 B.
 *
 * r1 pair of bytes, r2 pair of 16 b, r3 the word; the rest as WS_MACS_4X2 says. On the stack the tile,
 * at 36 the weights. 31 instructions for 32 multiplications, and 3 for the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4_s4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "and r2, r3, #0x0f0f0f0f\n\t"
        "lsl r2, r2, #4\n\t"
        "sxtb16 r2, r2\n\t"
        "sxtb16 r1, r3\n\t"
        WS_MACS_4X2("r2", "r1")
        "and r2, r3, #0x0f0f0f0f\n\t"
        "lsl r2, r2, #4\n\t"
        "sxtb16 r2, r2, ror #8\n\t"
        "sxtb16 r1, r3, ror #8\n\t"
        WS_MACS_4X2("r2", "r1")
        END_OF_VALUES
        /* B, 16 A */
        "asr r5, r5, #4\n\t"
        "asr r6, r6, #4\n\t"
        "asr r7, r7, #4\n\t"
        "asr r8, r8, #4\n\t"
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        WS_OUTPUTS_4X2("asr #3")
        END);
}

/*
 * A byte's low half is an index into b's table, the high half one into a's.
 *
 * r1 table, then pair of a; r2 pair of b; r3 the word; r4 and lr while they hold no values. On the
 * stack the tile, at 36 weights, 40 b's table, 44 a's, 48 bytes from there to those of the next two.
 * 47 instructions for 32 multiplications, and 3 for the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4_lut4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr r1, [sp, #40]\n\t"
        "ubfx r2, r3, #0, #4\n\t"
        "ldrsb r2, [r1, r2]\n\t"
        "ubfx r4, r3, #16, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "pkhbt r2, r2, r4, lsl #16\n\t"
        "ldr r1, [sp, #44]\n\t"
        "ubfx r4, r3, #4, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "ubfx lr, r3, #20, #4\n\t"
        "ldrsb lr, [r1, lr]\n\t"
        "pkhbt r1, r4, lr, lsl #16\n\t"
        WS_MACS_4X2("r2", "r1")
        "ldr r1, [sp, #40]\n\t"
        "ubfx r2, r3, #8, #4\n\t"
        "ldrsb r2, [r1, r2]\n\t"
        "ubfx r4, r3, #24, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "pkhbt r2, r2, r4, lsl #16\n\t"
        "ldr r1, [sp, #44]\n\t"
        "ubfx r4, r3, #12, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "ubfx lr, r3, #28, #4\n\t"
        "ldrsb lr, [r1, lr]\n\t"
        "pkhbt r1, r4, lr, lsl #16\n\t"
        WS_MACS_4X2("r2", "r1")
        END_OF_VALUES
        /* the next two tables */
        "ldr r2, [sp, #48]\n\t"
        "ldrd r0, r1, [sp, #40]\n\t"
        "add r0, r2\n\t"
        "add r1, r2\n\t"
        "strd r0, r1, [sp, #40]\n\t"
        WS_OUTPUTS_4X2("lsl #1")
        END);
}

/* clang-format on */

#endif
