/*
 * The inner loops of the DSP kernels for Armv7-M without DSP instructions (Cortex-M3), in assembly
 * because both compilers run out of registers on them. The plain C of dsp_dots.c says what they
 * compute. A product is one MLA, and int16 or int8 is extended as it is loaded, which costs
 * nothing: of a half-word of two weights LDRSB gives b and LDRSH 256 a + b.
 *
 * Loops are unrolled and entered in the middle where there is half of a turn more to do. What is at
 * offset 0 comes last in a turn, for there the load can move its pointer on.
 */
#include "ws_dsp_dots.h"

#include "ws_dsp_asm.h"

#if WS_HAS_MLA

/* An instruction per line: */
/* clang-format off */

/*
 * r0 x, r1 weights, lr x's end.
 *
 * Per pair of values and 16 multiplications 28 instructions: 1.75 each, and 2 for the loop in 112.
 */
#define PAIR_4X2                                                                                   \
    "ldrsb r2, [r1, #2]\n\t"                                                                       \
    "ldrsh r3, [r1, #2]\n\t"                                                                       \
    WS_VALUE_4X2("6", "10", "14", "[r0, #2]")                                                         \
    "ldrsb r2, [r1]\n\t"                                                                           \
    "ldrsh r3, [r1], #4\n\t"                                                                       \
    WS_VALUE_4X2("4", "8", "12", "[r0], #16")

/*
 * Sums of four positions by two channels, from 0: r0 x, r1 weights, r2 pairs, which are even. Called
 * from assembly only; r2-r4 and lr are lost.
 */
__attribute__((naked, noinline, used)) static void pairs_4x2(void) {
    __asm__ volatile(
        "push {lr}\n\t"
        "add lr, r0, r2, lsl #4\n\t"
        "lsls r2, r2, #30\n\t" /* pairs modulo 4, which is 0 or 2 */
        WS_ZERO_SUMS
        "bne 2f\n\t"
        "1:\n\t"
        PAIR_4X2
        PAIR_4X2
        "2:\n\t"
        PAIR_4X2
        PAIR_4X2
        "cmp r0, lr\n\t"
        "bne 1b\n\t"
        "pop {pc}\n\t");
}

__attribute__((naked, noinline)) void ws_dot_4x2(WS_UNUSED const int8_t *x,
                                                 WS_UNUSED const int16_t *weights,
                                                 WS_UNUSED int32_t pairs, WS_UNUSED int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "bl pairs_4x2\n\t"
        "ldr r2, [sp]\n\t"
        "stmia r2, {r5-r12}\n\t"
        "pop {r3-r11, pc}\n\t");
}

/*
 * The sums of two channels after those of two others, and what follows them. On the stack the tile
 * from x on, at 36 pairs. 102 instructions for 8 outputs beside the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4(WS_UNUSED const ws_tile *tile) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #44\n\t"
        "ldmia r0!, {r1, r2}\n\t"
        "ldmia r0, {r3-r11}\n\t"
        "stmia sp, {r3-r11}\n\t"
        "str r2, [sp, #36]\n\t"
        "1:\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r2, [sp, #36]\n\t"
        "bl pairs_4x2\n\t"
        /* 256 a */
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        WS_OUTPUTS_4X2("asr #7")
        "ldr r2, [sp, #32]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #32]\n\t"
        "bne 1b\n\t"
        "add sp, #44\n\t"
        "pop {r4-r11, pc}\n\t");
}

/*
 * r0 to, r1-r4 from, r5-r8 words, r9-r12 pairs, lr; on the stack 0 end of a row of the first
 * position, 4 rows left, 8 advance, 12 bytes from the end of a row to that of the next.
 *
 * 33 instructions for 16 values, 2.06 each, and 9 per row.
 */
#define EVEN(word, pair)                                                                           \
    "sxtb " pair ", " word "\n\t"                                                                  \
    "sbfx lr, " word ", #16, #8\n\t"                                                               \
    "bfi " pair ", lr, #16, #16\n\t"

#define ODD(word, pair)                                                                            \
    "sbfx " pair ", " word ", #8, #8\n\t"                                                          \
    "asr " word ", " word ", #24\n\t"                                                              \
    "bfi " pair ", " word ", #16, #16\n\t"

__attribute__((naked, noinline)) int8_t *ws_widen_4(WS_UNUSED int8_t *to,
                                                    WS_UNUSED const ws_widening *job) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #16\n\t"
        "ldmia r1, {r1-r7}\n\t"
        "lsl r5, r5, #2\n\t"
        "add r8, r5, r7\n\t"
        "add r5, r1\n\t"
        "stmia sp, {r5-r8}\n\t"
        "1:\n\t"
        "ldr r5, [r1], #4\n\t"
        "ldr r6, [r2], #4\n\t"
        "ldr r7, [r3], #4\n\t"
        "ldr r8, [r4], #4\n\t"
        EVEN("r5", "r9")
        EVEN("r6", "r10")
        EVEN("r7", "r11")
        EVEN("r8", "r12")
        "stmia r0!, {r9-r12}\n\t"
        ODD("r5", "r9")
        ODD("r6", "r10")
        ODD("r7", "r11")
        ODD("r8", "r12")
        "stmia r0!, {r9-r12}\n\t"
        "ldr lr, [sp]\n\t"
        "cmp r1, lr\n\t"
        "bne 1b\n\t"
        "ldmia sp, {r5-r8}\n\t"
        "add r1, r7\n\t"
        "add r2, r7\n\t"
        "add r3, r7\n\t"
        "add r4, r7\n\t"
        "add r5, r8\n\t"
        "subs r6, #1\n\t"
        "stmia sp, {r5, r6}\n\t"
        "bne 1b\n\t"
        "add sp, #16\n\t"
        "pop {r4-r11, pc}\n\t");
}

/*
 * One value by eight channels: its half-words of two channels are 4 bytes apart, from `w0` on; r2 b,
 * r3 256 a + b, r4 x, r5-r12 sums: b, both, b, both, ... 17 instructions.
 */
#define VALUE_1X8(x, w3, w2, w1, w0, last)                                                         \
    "ldrsb r4, " x "\n\t"                                                                          \
    "ldrsb r2, [r1, #" w3 "]\n\t"                                                                  \
    "ldrsh r3, [r1, #" w3 "]\n\t"                                                                  \
    "mla r11, r4, r2, r11\n\t"                                                                     \
    "mla r12, r4, r3, r12\n\t"                                                                     \
    "ldrsb r2, [r1, #" w2 "]\n\t"                                                                  \
    "ldrsh r3, [r1, #" w2 "]\n\t"                                                                  \
    "mla r9, r4, r2, r9\n\t"                                                                       \
    "mla r10, r4, r3, r10\n\t"                                                                     \
    "ldrsb r2, [r1, #" w1 "]\n\t"                                                                  \
    "ldrsh r3, [r1, #" w1 "]\n\t"                                                                  \
    "mla r7, r4, r2, r7\n\t"                                                                       \
    "mla r8, r4, r3, r8\n\t"                                                                       \
    "ldrsb r2, [r1, #" w0 "]\n\t"                                                                  \
    "ldrsh r3, " last "\n\t"                                                                       \
    "mla r5, r4, r2, r5\n\t"                                                                       \
    "mla r6, r4, r3, r6\n\t"

/*
 * r0 x, r1 weights, lr x's end. Four values, of which 0, 2 and 1, 3 are pairs.
 *
 * 68 instructions for 32 multiplications: 2.13 each, and 2 for the loop in 136.
 */
#define FOUR_1X8                                                                                   \
    VALUE_1X8("[r0, #3]", "30", "26", "22", "18", "[r1, #18]")                                     \
    VALUE_1X8("[r0, #1]", "28", "24", "20", "16", "[r1, #16]")                                     \
    VALUE_1X8("[r0, #2]", "14", "10", "6", "2", "[r1, #2]")                                        \
    VALUE_1X8("[r0], #4", "12", "8", "4", "0", "[r1], #32")

/* Sums of eight units, from 0: r0 x, r1 weights, r2 values; r2-r4 and lr are lost. */
__attribute__((naked, noinline, used)) static void fours_1x8(void) {
    __asm__ volatile(
        "push {lr}\n\t"
        "add lr, r0, r2\n\t"
        "lsls r2, r2, #29\n\t" /* values modulo 8, which is 0 or 4 */
        WS_ZERO_SUMS
        "bne 2f\n\t"
        "1:\n\t"
        FOUR_1X8
        "2:\n\t"
        FOUR_1X8
        "cmp r0, lr\n\t"
        "bne 1b\n\t"
        "pop {pc}\n\t");
}

__attribute__((naked, noinline)) void ws_dot_1x8(WS_UNUSED const int8_t *x,
                                                 WS_UNUSED const int16_t *weights,
                                                 WS_UNUSED int32_t values, WS_UNUSED int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "bl fours_1x8\n\t"
        "ldr r2, [sp]\n\t"
        "stmia r2, {r5-r12}\n\t"
        "pop {r3-r11, pc}\n\t");
}

/* Two sums, b's and that of 256 a + b, to outputs: r0 channels; r2, r3, r4, lr are lost. */
#define OUTPUTS_1X2(b, a)                                                                          \
    "ldmia r0!, {r2, r3, r4}\n\t" /* bias, multiplier, shift */                                    \
    "ldr lr, [sp, #16]\n\t"                                                                        \
    "sub " a ", " a ", " b "\n\t" /* 256 a */                                                      \
    "lsl lr, r4\n\t"                                                                               \
    "asr lr, #1\n\t"                                                                               \
    "add " b ", r2, " b ", lsl #1\n\t"                                                             \
    WS_RESCALE_ONE(b, "r3", "r4", "lr", "r2")                                                      \
    "ldmia r0!, {r2, r3, r4}\n\t"                                                                  \
    "ldr lr, [sp, #16]\n\t"                                                                        \
    "lsl lr, r4\n\t"                                                                               \
    "asr lr, #1\n\t"                                                                               \
    "add " a ", r2, " a ", asr #7\n\t"                                                             \
    WS_RESCALE_ONE(a, "r3", "r4", "lr", "r2")

/*
 * The sums of eight units after those of eight others, and what follows them. On the stack: 0 x, 4
 * values, 8 channels, 12 output, 16 twice, 20 count. 123 instructions for 8 outputs beside the loop.
 */
__attribute__((naked, noinline)) void ws_units_8(WS_UNUSED const ws_units *units) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #28\n\t"
        "ldmia r0, {r1, r3-r8}\n\t"
        "stmia sp, {r3-r8}\n\t"
        "1:\n\t"
        "ldrd r0, r2, [sp]\n\t"
        "bl fours_1x8\n\t"
        "ldr r0, [sp, #8]\n\t"
        OUTPUTS_1X2("r5", "r6")
        OUTPUTS_1X2("r7", "r8")
        OUTPUTS_1X2("r9", "r10")
        OUTPUTS_1X2("r11", "r12")
        "str r0, [sp, #8]\n\t"
        "ldr r0, [sp, #12]\n\t"
        "strb r6, [r0, #1]\n\t"
        "strb r7, [r0, #2]\n\t"
        "strb r8, [r0, #3]\n\t"
        "strb r9, [r0, #4]\n\t"
        "strb r10, [r0, #5]\n\t"
        "strb r11, [r0, #6]\n\t"
        "strb r12, [r0, #7]\n\t"
        "strb r5, [r0], #8\n\t"
        "str r0, [sp, #12]\n\t"
        "ldr r2, [sp, #20]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #20]\n\t"
        "bne 1b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n\t");
}

/*
 * Four values of a line, the first at `first`, the others at r0 and the offsets, by a row of three
 * weights: two outputs next to each other in r11 and r12. 10 instructions for 6 products.
 */
#define ROW_3X3(first, x1, x2, x3, w0, w1, w2)                                                     \
    "ldrsh lr, " first "\n\t"                                                                      \
    "mla r11, lr, " w0 ", r11\n\t"                                                                 \
    "ldrsh lr, [r0, #" x1 "]\n\t"                                                                  \
    "mla r11, lr, " w1 ", r11\n\t"                                                                 \
    "mla r12, lr, " w0 ", r12\n\t"                                                                 \
    "ldrsh lr, [r0, #" x2 "]\n\t"                                                                  \
    "mla r11, lr, " w2 ", r11\n\t"                                                                 \
    "mla r12, lr, " w1 ", r12\n\t"                                                                 \
    "ldrsh lr, [r0, #" x3 "]\n\t"                                                                  \
    "mla r12, lr, " w2 ", r12\n\t"

/*
 * Two outputs to r11 and r12: r2-r10 weights, doubled, r0 plane, r1 pitch (lost), lr; on the stack
 * what ws_lines_3x3 says. 34 instructions for 18 products, then 15 to rescale both.
 */
#define OUTPUTS_3X3                                                                                \
    "ldrd r11, r12, [sp, #32]\n\t"                                                                 \
    ROW_3X3("[r0], #4", "-2", "0", "2", "r2", "r3", "r4")                                          \
    "add r0, r1\n\t"                                                                               \
    ROW_3X3("[r0, #-4]", "-2", "0", "2", "r5", "r6", "r7")                                         \
    "add r0, r1\n\t"                                                                               \
    ROW_3X3("[r0, #-4]", "-2", "0", "2", "r8", "r9", "r10")                                        \
    "sub r0, r0, r1, lsl #1\n\t"                                                                   \
    "ldr lr, [sp, #40]\n\t" /* multiplier */                                                       \
    "smull r1, r11, r11, lr\n\t"                                                                   \
    "smull lr, r12, r12, lr\n\t"                                                                   \
    "lsls r1, r1, #1\n\t" /* as WS_RESCALE_ONE does */                                             \
    "add r11, r11, r11, asr #31\n\t"                                                               \
    "ldr r1, [sp, #48]\n\t" /* rounding */                                                         \
    "adc r11, r11, r1\n\t"                                                                         \
    "lsls lr, lr, #1\n\t"                                                                          \
    "add r12, r12, r12, asr #31\n\t"                                                               \
    "adc r12, r12, r1\n\t"                                                                         \
    "ldr lr, [sp, #44]\n\t" /* shift */                                                            \
    "asr r11, r11, lr\n\t"                                                                         \
    "asr r12, r12, lr\n\t"                                                                         \
    "ssat r11, #8, r11\n\t"                                                                        \
    "ssat r12, #8, r12\n\t"

/*
 * As OUTPUTS_3X3 says. On the stack 0 plane, 4 output, 8 pitch, 12 step, 16 advance, 20 pairs, 24
 * single, 28 lines, 32 and 36 bias, 40 multiplier, 44 shift, 48 rounding; at 52 pairs left.
 *
 * 60 instructions for two outputs.
 */
__attribute__((naked, noinline)) void ws_lines_3x3(WS_UNUSED const ws_plane_3x3 *plane) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #60\n\t"
        "add r1, r0, #36\n\t"
        "ldmia r1!, {r2-r10}\n\t"
        "stmia sp, {r2-r10}\n\t"
        "ldmia r1, {r2-r4}\n\t"
        "str r10, [sp, #36]\n\t"
        "add r1, sp, #40\n\t"
        "stmia r1, {r2-r4}\n\t"
        "ldmia r0, {r2-r10}\n\t"
        "1:\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r1, [sp, #8]\n\t"
        "ldr lr, [sp, #20]\n\t"
        "cmp lr, #0\n\t"
        "beq 3f\n\t"
        "2:\n\t"
        "str lr, [sp, #52]\n\t"
        OUTPUTS_3X3
        "ldr r1, [sp, #12]\n\t"
        "ldr lr, [sp, #4]\n\t"
        "strb r12, [lr, r1]\n\t"
        "strb r11, [lr]\n\t"
        "add lr, lr, r1, lsl #1\n\t"
        "str lr, [sp, #4]\n\t"
        "ldr r1, [sp, #8]\n\t"
        "ldr lr, [sp, #52]\n\t"
        "subs lr, #1\n\t"
        "bne 2b\n\t"
        "3:\n\t"
        "ldr lr, [sp, #24]\n\t"
        "cmp lr, #0\n\t"
        "beq 4f\n\t"
        OUTPUTS_3X3
        "ldr r1, [sp, #12]\n\t"
        "ldr lr, [sp, #4]\n\t"
        "strb r11, [lr]\n\t"
        "add lr, r1\n\t"
        "str lr, [sp, #4]\n\t"
        "4:\n\t"
        "ldmia sp, {r0, r1, r11}\n\t" /* the next line */
        "ldr lr, [sp, #16]\n\t"
        "add r0, r11\n\t"
        "add r1, lr\n\t"
        "stmia sp, {r0, r1}\n\t"
        "ldr lr, [sp, #28]\n\t"
        "subs lr, #1\n\t"
        "str lr, [sp, #28]\n\t"
        "bne 1b\n\t"
        "add sp, #60\n\t"
        "pop {r4-r11, pc}\n\t");
}

/*
 * r0-r3 what the outputs see, r4 weights, r5 weight, r6 x, r7-r10 sums, r11 taps left, r12 rows left,
 * lr bytes to the next row; on the stack 0 taps, 4 four, 8 output.
 *
 * Per tap and 4 multiplications 11 instructions, 2.75 each, per row 7 and for four outputs 49 more.
 */
__attribute__((naked, noinline)) void ws_four_outputs(WS_UNUSED const ws_four *four,
                                                      WS_UNUSED const int8_t *plane,
                                                      WS_UNUSED int8_t *output) {
    __asm__ volatile(
        "push {r0, r2, r4-r11, lr}\n\t"
        "ldmia r0!, {r4, r5, r12, lr}\n\t"
        "push {r5}\n\t"
        "ldmia r0, {r5, r6, r7}\n\t"
        "mov r0, r1\n\t"
        "add r1, r0, r5\n\t"
        "add r2, r0, r6\n\t"
        "add r3, r0, r7\n\t"
        "mov r7, #0\n\t"
        "mov r8, #0\n\t"
        "mov r9, #0\n\t"
        "mov r10, #0\n\t"
        "1:\n\t"
        "ldr r11, [sp]\n\t"
        "2:\n\t"
        "ldrsb r5, [r4], #1\n\t"
        "ldrsh r6, [r0], #2\n\t"
        "mla r7, r6, r5, r7\n\t"
        "ldrsh r6, [r1], #2\n\t"
        "mla r8, r6, r5, r8\n\t"
        "ldrsh r6, [r2], #2\n\t"
        "mla r9, r6, r5, r9\n\t"
        "ldrsh r6, [r3], #2\n\t"
        "mla r10, r6, r5, r10\n\t"
        "subs r11, #1\n\t"
        "bne 2b\n\t"
        "add r0, lr\n\t"
        "add r1, lr\n\t"
        "add r2, lr\n\t"
        "add r3, lr\n\t"
        "subs r12, #1\n\t"
        "bne 1b\n\t"
        "ldrd r0, r1, [sp, #4]\n\t"
        "add r0, #28\n\t"
        "ldmia r0, {r2-r6, r11, r12}\n\t" /* three offsets; bias, multiplier, shift, rounding */
        "add r7, r5, r7, lsl #1\n\t"
        "add r8, r5, r8, lsl #1\n\t"
        "add r9, r5, r9, lsl #1\n\t"
        "add r10, r5, r10, lsl #1\n\t"
        WS_RESCALE("r7", "r8", "r9", "r10", "r6", "r11", "r12", "r5")
        "strb r10, [r1, r4]\n\t"
        "strb r9, [r1, r3]\n\t"
        "strb r8, [r1, r2]\n\t"
        "strb r7, [r1]\n\t"
        "add sp, #12\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

#endif
