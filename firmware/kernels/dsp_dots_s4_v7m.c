/*
 * The inner loops of the DSP kernels with weights of 4 bits for Armv7-M without DSP instructions
 * (Cortex-M3). Weights are decoded in registers, once for four positions; see dsp_dots_s4.c for
 * their order and dsp_dots_v7m.c for the rest.
 */
#include "ws_dsp_dots.h"

#include "ws_dsp_asm.h"

#if WS_HAS_MLA

/* An instruction per line: */
/* clang-format off */

/* On the stack: 0 x, 4 end, 8 channels, 12 output, 16 offsets, 28 twice, 32 count, 40 a's table. */
#define BEGIN                                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "sub sp, #52\n\t"                                                                              \
    "ldmia r0!, {r3-r11}\n\t"                                                                      \
    "stmia sp, {r3-r11}\n\t"                                                                       \
    "ldmia r0, {r1, r3-r5}\n\t"                                                                    \
    "add r2, sp, #36\n\t"                                                                          \
    "stmia r2, {r3-r5}\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp]\n\t"                                                                             \
    WS_ZERO_SUMS

#define END                                                                                        \
    "ldr r2, [sp, #32]\n\t"                                                                        \
    "subs r2, #1\n\t"                                                                              \
    "str r2, [sp, #32]\n\t"                                                                        \
    "bne 1b\n\t"                                                                                   \
    "add sp, #52\n\t"                                                                              \
    "pop {r4-r11, pc}\n\t"

/*
 * A byte is 16 a + b as an int8: extended, it serves for 16 A + B; its low half, extended, for B.
 *
 * r1 bytes, lr x's end; the rest as WS_VALUE_4X2 says. 14 instructions for 8 multiplications, and 2
 * for the loop in 56.
 */
__attribute__((naked, noinline)) void ws_tile_4_s4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr lr, [sp, #4]\n\t"
        "2:\n\t"
        "ldrsb r3, [r1, #3]\n\t"
        "sbfx r2, r3, #0, #4\n\t"
        WS_VALUE_4X2("22", "26", "30", "[r0, #18]")
        "ldrsb r3, [r1, #2]\n\t"
        "sbfx r2, r3, #0, #4\n\t"
        WS_VALUE_4X2("6", "10", "14", "[r0, #2]")
        "ldrsb r3, [r1, #1]\n\t"
        "sbfx r2, r3, #0, #4\n\t"
        WS_VALUE_4X2("20", "24", "28", "[r0, #16]")
        "ldrsb r3, [r1], #4\n\t"
        "sbfx r2, r3, #0, #4\n\t"
        WS_VALUE_4X2("4", "8", "12", "[r0], #32")
        "cmp r0, lr\n\t"
        "bne 2b\n\t"
        /* 16 A */
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
 * lr b's table; the rest as before. 18 instructions for 8 multiplications, and 3 for the loop in 72.
 */
#define LOOK_UP(byte)                                                                              \
    "ldrb r3, " byte "\n\t"                                                                        \
    "ldr r4, [sp, #40]\n\t"                                                                        \
    "and r2, r3, #15\n\t"                                                                          \
    "lsr r3, r3, #4\n\t"                                                                           \
    "ldrsb r2, [lr, r2]\n\t"                                                                       \
    "ldrsb r3, [r4, r3]\n\t"

__attribute__((naked, noinline)) void ws_tile_4_lut4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr lr, [sp, #36]\n\t"
        "2:\n\t"
        LOOK_UP("[r1, #3]")
        WS_VALUE_4X2("22", "26", "30", "[r0, #18]")
        LOOK_UP("[r1, #2]")
        WS_VALUE_4X2("6", "10", "14", "[r0, #2]")
        LOOK_UP("[r1, #1]")
        WS_VALUE_4X2("20", "24", "28", "[r0, #16]")
        LOOK_UP("[r1], #4")
        WS_VALUE_4X2("4", "8", "12", "[r0], #32")
        "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne 2b\n\t"
        /* the next two tables */
        "ldr r2, [sp, #44]\n\t"
        "ldr r3, [sp, #40]\n\t"
        "add lr, r2\n\t"
        "add r3, r2\n\t"
        "strd lr, r3, [sp, #36]\n\t"
        WS_OUTPUTS_4X2("lsl #1")
        END);
}

/* clang-format on */

#endif
