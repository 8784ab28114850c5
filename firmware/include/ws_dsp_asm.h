/*
 * Parts of the inner loops of the DSP kernels (ws_dsp_dots.h): first for cores with DSP
 * instructions, then for Armv7-M without.
 *
 * Formatting is off: an instruction per line, whatever the macros between them.
 */
#ifndef WS_DSP_ASM_H
#define WS_DSP_ASM_H

#include "ws_dsp.h"

#define WS_UNUSED __attribute__((unused))

/* clang-format off */

#define WS_ZERO_SUMS                                                                               \
    "mov r5, #0\n\t"                                                                               \
    "mov r6, #0\n\t"                                                                               \
    "mov r7, #0\n\t"                                                                               \
    "mov r8, #0\n\t"                                                                               \
    "mov r9, #0\n\t"                                                                               \
    "mov r10, #0\n\t"                                                                              \
    "mov r11, #0\n\t"                                                                              \
    "mov r12, #0\n\t"

#if WS_HAS_DSP

/*
 * A pair of values at four positions by two channels: r0 x; `b` and `a` pairs of weights; r4 and lr
 * x of two positions, r5-r8 sums with b, r9-r12 sums with a. 10 instructions.
 */
#define WS_MACS_4X2(b, a)                                                                          \
    "ldrd r4, lr, [r0], #16\n\t"                                                                   \
    "smlad r5, r4, " b ", r5\n\t"                                                                  \
    "smlad r9, r4, " a ", r9\n\t"                                                                  \
    "smlad r6, lr, " b ", r6\n\t"                                                                  \
    "smlad r10, lr, " a ", r10\n\t"                                                                \
    "ldrd r4, lr, [r0, #-8]\n\t"                                                                   \
    "smlad r7, r4, " b ", r7\n\t"                                                                  \
    "smlad r11, r4, " a ", r11\n\t"                                                                \
    "smlad r8, lr, " b ", r8\n\t"                                                                  \
    "smlad r12, lr, " a ", r12\n\t"

/*
 * Four sums, doubled and with their bias, to int8 values: 16 instructions, `spare` for what comes
 * between. SMMLAR adds the rounding constant to the product before it rounds, which is the same as
 * after. The -1 for negative values (ws_rescale_s8) is taken from the sign of the sum: where the
 * product has none because it rounds to 0, -1 + rounding >> shift is what 0 + rounding >> shift is.
 */
#define WS_RESCALE(a, b, c, d, multiplier, shift, rounding, spare)                                 \
    "add " spare ", " rounding ", " a ", asr #31\n\t"                                              \
    "smmlar " a ", " a ", " multiplier ", " spare "\n\t"                                           \
    "add " spare ", " rounding ", " b ", asr #31\n\t"                                              \
    "smmlar " b ", " b ", " multiplier ", " spare "\n\t"                                           \
    "add " spare ", " rounding ", " c ", asr #31\n\t"                                              \
    "smmlar " c ", " c ", " multiplier ", " spare "\n\t"                                           \
    "add " spare ", " rounding ", " d ", asr #31\n\t"                                              \
    "smmlar " d ", " d ", " multiplier ", " spare "\n\t"                                           \
    "asr " a ", " shift "\n\t"                                                                     \
    "asr " b ", " shift "\n\t"                                                                     \
    "asr " c ", " shift "\n\t"                                                                     \
    "asr " d ", " shift "\n\t"                                                                     \
    "ssat " a ", #8, " a "\n\t"                                                                    \
    "ssat " b ", #8, " b "\n\t"                                                                    \
    "ssat " c ", #8, " c "\n\t"                                                                    \
    "ssat " d ", #8, " d "\n\t"

#else

/*
 * One value at four positions by two channels: r2 b, r3 256 a + b, r4 x, r5-r8 sums with r2, r9-r12
 * with r3; x of positions 1, 2, 3 at r0 + those, of position 0 at `last`. 12 instructions.
 */
#define WS_VALUE_4X2(x1, x2, x3, last)                                                             \
    "ldrsh r4, [r0, #" x1 "]\n\t"                                                                  \
    "mla r6, r4, r2, r6\n\t"                                                                       \
    "mla r10, r4, r3, r10\n\t"                                                                     \
    "ldrsh r4, [r0, #" x2 "]\n\t"                                                                  \
    "mla r7, r4, r2, r7\n\t"                                                                       \
    "mla r11, r4, r3, r11\n\t"                                                                     \
    "ldrsh r4, [r0, #" x3 "]\n\t"                                                                  \
    "mla r8, r4, r2, r8\n\t"                                                                       \
    "mla r12, r4, r3, r12\n\t"                                                                     \
    "ldrsh r4, " last "\n\t"                                                                       \
    "mla r5, r4, r2, r5\n\t"                                                                       \
    "mla r9, r4, r3, r9\n\t"

/*
 * One sum: 6 instructions. The upper half of x * m + 2^31 is that of x * m plus bit 31 of its lower
 * half, which LSLS puts into the carry and ADC adds, together with `rounding`.
 *
 * ws_rescale_s8 adds the sign of the sum of both. Here it is that of the upper half alone, which
 * differs if that is -1 and bit 31 is set, for a scaled value of 0: one less than `rounding` is
 * shifted then, and as `rounding` is 2^(shift - 1) above a multiple of 2^shift, the result is
 * the same.
 */
#define WS_RESCALE_ONE(a, multiplier, shift, rounding, spare)                                      \
    "smull " spare ", " a ", " a ", " multiplier "\n\t"                                            \
    "lsls " spare ", " spare ", #1\n\t"                                                           \
    "add " a ", " a ", " a ", asr #31\n\t"                                                         \
    "adc " a ", " a ", " rounding "\n\t"                                                          \
    "asr " a ", " a ", " shift "\n\t"                                                             \
    "ssat " a ", #8, " a "\n\t"

/* Four sums, doubled and with their bias, to int8 values: 24 instructions; `spare` is lost. */
#define WS_RESCALE(a, b, c, d, multiplier, shift, rounding, spare)                                 \
    WS_RESCALE_ONE(a, multiplier, shift, rounding, spare)                                          \
    WS_RESCALE_ONE(b, multiplier, shift, rounding, spare)                                          \
    WS_RESCALE_ONE(c, multiplier, shift, rounding, spare)                                          \
    WS_RESCALE_ONE(d, multiplier, shift, rounding, spare)

#endif

/*
 * What follows the sums of two channels at four positions: r5-r8 sums of b, r9-r12 of a, which
 * `a_doubled` (a shift) doubles; on the stack 8 channels, 12 output, 16 its offsets, 28 twice the
 * zero point + 1. b: r0 bias, r3 multiplier, r4 shift, lr rounding; a: the same in r5, r6, r7, r8;
 * then r0 output; r3, r4, lr offsets of positions 1 to 3, which are written last to first.
 */
#define WS_OUTPUTS_4X2(a_doubled)                                                                  \
    "ldr r2, [sp, #8]\n\t"                                                                         \
    "ldr lr, [sp, #28]\n\t"                                                                        \
    "ldmia r2!, {r0, r3, r4}\n\t"                                                                  \
    "lsl lr, r4\n\t"                                                                               \
    "asr lr, #1\n\t"                                                                               \
    "add r5, r0, r5, lsl #1\n\t"                                                                   \
    "add r6, r0, r6, lsl #1\n\t"                                                                   \
    "add r7, r0, r7, lsl #1\n\t"                                                                   \
    "add r8, r0, r8, lsl #1\n\t"                                                                   \
    WS_RESCALE("r5", "r6", "r7", "r8", "r3", "r4", "lr", "r0")                                     \
    "ldr r0, [sp, #12]\n\t"                                                                        \
    "ldrd r3, r4, [sp, #16]\n\t"                                                                   \
    "ldr lr, [sp, #24]\n\t"                                                                        \
    "strb r8, [r0, lr]\n\t"                                                                        \
    "strb r7, [r0, r4]\n\t"                                                                        \
    "strb r6, [r0, r3]\n\t"                                                                        \
    "strb r5, [r0], #1\n\t"                                                                        \
    "ldr r8, [sp, #28]\n\t"                                                                        \
    "ldmia r2!, {r5, r6, r7}\n\t"                                                                  \
    "str r2, [sp, #8]\n\t"                                                                         \
    "lsl r8, r7\n\t"                                                                               \
    "asr r8, #1\n\t"                                                                               \
    "add r9, r5, r9, " a_doubled "\n\t"                                                            \
    "add r10, r5, r10, " a_doubled "\n\t"                                                          \
    "add r11, r5, r11, " a_doubled "\n\t"                                                          \
    "add r12, r5, r12, " a_doubled "\n\t"                                                          \
    WS_RESCALE("r9", "r10", "r11", "r12", "r6", "r7", "r8", "r5")                                  \
    "strb r12, [r0, lr]\n\t"                                                                       \
    "strb r11, [r0, r4]\n\t"                                                                       \
    "strb r10, [r0, r3]\n\t"                                                                       \
    "strb r9, [r0], #1\n\t"                                                                        \
    "str r0, [sp, #12]\n\t"

/* clang-format on */

#endif /* WS_DSP_ASM_H */
