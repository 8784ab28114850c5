/*
 * The inner loop of FULLY_CONNECTED and LSTM on the DSP instructions: eight units of one row. It is
 * assembly because both compilers run out of registers on it.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_outputs.h"
#include "ws_layout.h"

#if WS_HAS_ASM
WS_FIELD_AT(ws_units, count, 24);
#endif

/* An instruction per line: */
/* clang-format off */

/* Eight outputs in r5 to r12, to r0. */
#define STORE_EIGHT                                                                                \
    "strb r6, [r0, #1]\n\t"                                                                        \
    "strb r7, [r0, #2]\n\t"                                                                        \
    "strb r8, [r0, #3]\n\t"                                                                        \
    "strb r9, [r0, #4]\n\t"                                                                        \
    "strb r10, [r0, #5]\n\t"                                                                       \
    "strb r11, [r0, #6]\n\t"                                                                       \
    "strb r12, [r0, #7]\n\t"                                                                       \
    "strb r5, [r0], #8\n\t"

#if WS_HAS_DSP

/*
 * r0 x, r1 weights, r2 b's weights, r3 and r4 weights of two pairs of channels, lr x, r5-r12 sums.
 *
 * Per pair of values and 16 multiplications 16 instructions: 1 each, and 3 for the loop in 64. The
 * values are read twice because no register is left to keep the other half of a word in.
 */
#define PAIR_1X8                                                                                   \
    "ldrd r3, r4, [r1], #16\n\t"                                                                   \
    "sxtb16 r2, r3\n\t"                                                                            \
    "smlad r5, lr, r2, r5\n\t"                                                                     \
    "smlad r6, lr, r3, r6\n\t"                                                                     \
    "sxtb16 r2, r4\n\t"                                                                            \
    "smlad r7, lr, r2, r7\n\t"                                                                     \
    "smlad r8, lr, r4, r8\n\t"                                                                     \
    "ldrd r3, r4, [r1, #-8]\n\t"                                                                   \
    "sxtb16 r2, r3\n\t"                                                                            \
    "smlad r9, lr, r2, r9\n\t"                                                                     \
    "smlad r10, lr, r3, r10\n\t"                                                                   \
    "sxtb16 r2, r4\n\t"                                                                            \
    "smlad r11, lr, r2, r11\n\t"                                                                   \
    "smlad r12, lr, r4, r12\n\t"

#define FOUR_1X8                                                                                   \
    "ldr lr, [r0]\n\t"                                                                             \
    "sxtb16 lr, lr\n\t"                                                                            \
    PAIR_1X8                                                                                       \
    "ldr lr, [r0], #4\n\t"                                                                         \
    "sxtb16 lr, lr, ror #8\n\t"                                                                    \
    PAIR_1X8

__attribute__((naked, noinline)) void ws_dot_1x8(WS_UNUSED const int8_t *x,
                                                 WS_UNUSED const int16_t *weights,
                                                 WS_UNUSED int32_t values, WS_UNUSED int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "lsls r3, r2, #29\n\t" /* values modulo 8, which is 0 or 4 */
        "add r2, r0\n\t"
        "push {r2, r3}\n\t"
        WS_ZERO_SUMS
        "bne 2f\n\t"
        "1:\n\t"
        FOUR_1X8
        "2:\n\t"
        FOUR_1X8
        "ldr r2, [sp]\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        "ldr r2, [sp, #8]\n\t"
        "stmia r2, {r5-r12}\n\t"
        "add sp, #8\n\t"
        "pop {r3-r11, pc}\n\t");
}

/* One sum to its int8 value, doubled by a shift: r2 its ws_rescale, lr 2 * zero point + 1. */
#define OUTPUT_1X8(sum, doubled)                                                                   \
    "ldmia r2!, {r0, r3, r4}\n\t"                                                                  \
    "add " sum ", r0, " sum ", " doubled "\n\t"                                                    \
    "lsl r0, lr, r4\n\t"                                                                           \
    "asr r0, #1\n\t"                                                                               \
    "add r0, r0, " sum ", asr #31\n\t"                                                             \
    "smmlar " sum ", " sum ", r3, r0\n\t"                                                          \
    "asr " sum ", r4\n\t"                                                                          \
    "ssat " sum ", #8, " sum "\n\t"

/*
 * The loop of ws_dot_1x8 once per eight units, and what follows it as WS_RESCALE does it. On the
 * stack 0 x, 4 its end, 8 values & 4, 12 channels, 16 output, 20 `twice`, 24 count. 97 instructions
 * for 8 outputs beside the loop.
 */
__attribute__((naked, noinline)) void ws_units_8(WS_UNUSED const ws_units *units) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #28\n\t"
        "ldmia r0, {r1, r3, r5-r9}\n\t"
        "add r4, r3, r5\n\t"
        "and r5, #4\n\t"
        "stmia sp, {r3-r9}\n\t"
        "3:\n\t"
        "ldr r2, [sp, #8]\n\t"
        "ldr r0, [sp]\n\t"
        "cmp r2, #0\n\t"
        WS_ZERO_SUMS
        "bne 2f\n\t"
        "1:\n\t"
        FOUR_1X8
        "2:\n\t"
        FOUR_1X8
        "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        /* 256 a */
        "sub r6, r5\n\t"
        "sub r8, r7\n\t"
        "sub r10, r9\n\t"
        "sub r12, r11\n\t"
        "ldr r2, [sp, #12]\n\t"
        "ldr lr, [sp, #20]\n\t"
        OUTPUT_1X8("r5", "lsl #1")
        OUTPUT_1X8("r6", "asr #7")
        OUTPUT_1X8("r7", "lsl #1")
        OUTPUT_1X8("r8", "asr #7")
        OUTPUT_1X8("r9", "lsl #1")
        OUTPUT_1X8("r10", "asr #7")
        OUTPUT_1X8("r11", "lsl #1")
        OUTPUT_1X8("r12", "asr #7")
        "ldr r0, [sp, #16]\n\t"
        "str r2, [sp, #12]\n\t"
        STORE_EIGHT
        "str r0, [sp, #16]\n\t"
        "ldr r2, [sp, #24]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #24]\n\t"
        "bne 3b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n\t");
}

#elif WS_HAS_MLA

/* Armv7-M: see dsp_dot_4x2.c. */

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
        STORE_EIGHT
        "str r0, [sp, #12]\n\t"
        "ldr r2, [sp, #20]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #20]\n\t"
        "bne 1b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

#else

void ws_dot_1x8(const int8_t *x, const int16_t *weights, int32_t values, int32_t *sums) {
    int32_t sum[8] = {0};
    for (int32_t i = 0; i < values; i += 4) {
        const uint32_t word = ws_load32(x + i);
        for (int32_t odd = 0; odd < 2; odd++) {
            const uint32_t pair = odd ? ws_odd_bytes(word) : ws_even_bytes(word);
            for (int32_t k = 0; k < 8; k += 2) {
                const uint32_t both = ws_load32(weights + 4 * i + 8 * odd + k);
                sum[k] = ws_dot_pair(pair, ws_even_bytes(both), sum[k]);
                sum[k + 1] = ws_dot_pair(pair, both, sum[k + 1]);
            }
        }
    }
    memcpy(sums, sum, sizeof sum);
}

void ws_units_8(const ws_units *units) {
    for (int32_t unit = 0; unit < 8 * units->count; unit += 8) {
        int32_t sums[8];
        ws_dot_1x8(units->x, units->weights + unit * units->values / 2, units->values, sums);
        for (int32_t i = 0; i < 8; i++) {
            const ws_rescale *r = &units->channels[unit + i];
            const int32_t doubled = i % 2 == 0 ? 2 * sums[i] : ws_twice_a(sums[i - 1], sums[i]);
            const int32_t rounding = ws_rounding_of(units->twice, r->shift);
            units->output[unit + i] = (int8_t)ws_rescale_s8(r, doubled + r->bias, rounding);
        }
    }
}

#endif
