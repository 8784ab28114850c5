/*
 * The inner loops of the DSP kernels, in assembly because both compilers run out of registers on
 * them: 14 are in use, none is spilled. The plain C below says what they compute.
 */
#include "ws_dsp_dots.h"

#include "ws_dsp.h"

#if WS_HAS_DSP

#define UNUSED __attribute__((unused))

#define ZERO_SUMS                                                                                  \
    "mov r5, #0\n\t"                                                                               \
    "mov r6, #0\n\t"                                                                               \
    "mov r7, #0\n\t"                                                                               \
    "mov r8, #0\n\t"                                                                               \
    "mov r9, #0\n\t"                                                                               \
    "mov r10, #0\n\t"                                                                              \
    "mov r11, #0\n\t"                                                                              \
    "mov r12, #0\n\t"

/*
 * r0 x, r1 weights, r2 b's weights, r3 both weights, r4 and lr x of two positions, r5-r8 sums of b,
 * r9-r12 sums of a. On the stack: x's end, where the sums go.
 *
 * Per pair of values and 16 multiplications 12 instructions: 0.75 each, and 3 for the loop in 48.
 */
#define PAIR_4X2                                                                                   \
    "ldr r3, [r1], #4\n\t"                                                                         \
    "sxtb16 r2, r3\n\t"                                                                            \
    "ldrd r4, lr, [r0], #16\n\t"                                                                   \
    "smlad r5, r4, r2, r5\n\t"                                                                     \
    "smlad r9, r4, r3, r9\n\t"                                                                     \
    "smlad r6, lr, r2, r6\n\t"                                                                     \
    "smlad r10, lr, r3, r10\n\t"                                                                   \
    "ldrd r4, lr, [r0, #-8]\n\t"                                                                   \
    "smlad r7, r4, r2, r7\n\t"                                                                     \
    "smlad r11, r4, r3, r11\n\t"                                                                   \
    "smlad r8, lr, r2, r8\n\t"                                                                     \
    "smlad r12, lr, r3, r12\n\t"

__attribute__((naked, noinline)) void ws_dot_4x2(UNUSED const int8_t *x,
                                                 UNUSED const int16_t *weights,
                                                 UNUSED int32_t pairs, UNUSED int32_t *sums) {
    __asm__ volatile("push {r3-r11, lr}\n\t"
                     "lsls r3, r2, #30\n\t" /* pairs modulo 4, which is 0 or 2 */
                     "add r2, r0, r2, lsl #4\n\t"
                     "push {r2, r3}\n\t" ZERO_SUMS "bne 2f\n\t"
                     "1:\n\t" PAIR_4X2 PAIR_4X2 "2:\n\t" PAIR_4X2 PAIR_4X2 "ldr r2, [sp]\n\t"
                     "cmp r0, r2\n\t"
                     "bne 1b\n\t"
                     "ldr r2, [sp, #8]\n\t"
                     "stmia r2, {r5-r12}\n\t"
                     "add sp, #8\n\t"
                     "pop {r3-r11, pc}\n\t");
}

/* Channel sums in `a` to `d`, doubled and with their bias, to int8 values: 24 instructions for 4.
 */
#define RESCALE(a, b, c, d, multiplier, shift, rounding)                                           \
    "smmulr " a ", " a ", " multiplier "\n\t"                                                      \
    "smmulr " b ", " b ", " multiplier "\n\t"                                                      \
    "smmulr " c ", " c ", " multiplier "\n\t"                                                      \
    "smmulr " d ", " d ", " multiplier "\n\t"                                                      \
    "add " a ", " a ", " a ", asr #31\n\t"                                                         \
    "add " b ", " b ", " b ", asr #31\n\t"                                                         \
    "add " c ", " c ", " c ", asr #31\n\t"                                                         \
    "add " d ", " d ", " d ", asr #31\n\t"                                                         \
    "add " a ", " rounding "\n\t"                                                                  \
    "add " b ", " rounding "\n\t"                                                                  \
    "add " c ", " rounding "\n\t"                                                                  \
    "add " d ", " rounding "\n\t"                                                                  \
    "asr " a ", " shift "\n\t"                                                                     \
    "asr " b ", " shift "\n\t"                                                                     \
    "asr " c ", " shift "\n\t"                                                                     \
    "asr " d ", " shift "\n\t"                                                                     \
    "ssat " a ", #8, " a "\n\t"                                                                    \
    "ssat " b ", #8, " b "\n\t"                                                                    \
    "ssat " c ", #8, " c "\n\t"                                                                    \
    "ssat " d ", #8, " d "\n\t"

/*
 * The loop of ws_dot_4x2 once per two channels; then, with r5-r8 and r9-r12 as there,
 * b: r0 bias, r3 multiplier, r4 shift, lr rounding; a: the same in r5, r6, r7, r8;
 * r0 output; r3, r4, lr offsets of positions 1 to 3, which are written last to first.
 * On the stack the tile from x on, at 36 `odd`.
 *
 * 90 instructions for the 8 outputs beside the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4(UNUSED const ws_tile *tile) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #44\n\t"
        "ldmia r0!, {r1, r2}\n\t"
        "ldmia r0, {r3-r11}\n\t"
        "stmia sp, {r3-r11}\n\t"
        "str r2, [sp, #36]\n\t"
        "3:\n\t"
        "ldr r2, [sp, #36]\n\t"
        "ldr r0, [sp]\n\t"
        "cmp r2, #0\n\t" ZERO_SUMS "bne 2f\n\t"
        "1:\n\t" PAIR_4X2 PAIR_4X2 "2:\n\t" PAIR_4X2 PAIR_4X2 "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        /* 256 a */
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        /* b */
        "ldr r2, [sp, #8]\n\t"
        "ldr lr, [sp, #28]\n\t"
        "ldmia r2!, {r0, r3, r4}\n\t"
        "lsl lr, r4\n\t"
        "asr lr, #1\n\t"
        "add r5, r0, r5, lsl #1\n\t"
        "add r6, r0, r6, lsl #1\n\t"
        "add r7, r0, r7, lsl #1\n\t"
        "add r8, r0, r8, lsl #1\n\t" RESCALE("r5", "r6", "r7", "r8", "r3", "r4",
                                             "lr") "ldr r0, [sp, #12]\n\t"
                                                   "ldrd r3, r4, [sp, #16]\n\t"
                                                   "ldr lr, [sp, #24]\n\t"
                                                   "strb r8, [r0, lr]\n\t"
                                                   "strb r7, [r0, r4]\n\t"
                                                   "strb r6, [r0, r3]\n\t"
                                                   "strb r5, [r0], #1\n\t"
                                                   /* a */
                                                   "ldr r8, [sp, #28]\n\t"
                                                   "ldmia r2!, {r5, r6, r7}\n\t"
                                                   "str r2, [sp, #8]\n\t"
                                                   "lsl r8, r7\n\t"
                                                   "asr r8, #1\n\t"
                                                   "add r9, r5, r9, asr #7\n\t"
                                                   "add r10, r5, r10, asr #7\n\t"
                                                   "add r11, r5, r11, asr #7\n\t"
                                                   "add r12, r5, r12, asr #7\n\t" RESCALE(
                                                       "r9", "r10", "r11", "r12", "r6", "r7",
                                                       "r8") "strb r12, [r0, lr]\n\t"
                                                             "strb r11, [r0, r4]\n\t"
                                                             "strb r10, [r0, r3]\n\t"
                                                             "strb r9, [r0], #1\n\t"
                                                             "str r0, [sp, #12]\n\t"
                                                             "ldr r2, [sp, #32]\n\t"
                                                             "subs r2, #1\n\t"
                                                             "str r2, [sp, #32]\n\t"
                                                             "bne 3b\n\t"
                                                             "add sp, #44\n\t"
                                                             "pop {r4-r11, pc}\n\t");
}

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
    "sxtb16 lr, lr\n\t" PAIR_1X8 "ldr lr, [r0], #4\n\t"                                            \
    "sxtb16 lr, lr, ror #8\n\t" PAIR_1X8

__attribute__((naked, noinline)) void ws_dot_1x8(UNUSED const int8_t *x,
                                                 UNUSED const int16_t *weights,
                                                 UNUSED int32_t values, UNUSED int32_t *sums) {
    __asm__ volatile("push {r3-r11, lr}\n\t"
                     "lsls r3, r2, #29\n\t" /* values modulo 8, which is 0 or 4 */
                     "add r2, r0\n\t"
                     "push {r2, r3}\n\t" ZERO_SUMS "bne 2f\n\t"
                     "1:\n\t" FOUR_1X8 "2:\n\t" FOUR_1X8 "ldr r2, [sp]\n\t"
                     "cmp r0, r2\n\t"
                     "bne 1b\n\t"
                     "ldr r2, [sp, #8]\n\t"
                     "stmia r2, {r5-r12}\n\t"
                     "add sp, #8\n\t"
                     "pop {r3-r11, pc}\n\t");
}

/*
 * Two outputs next to each other from values (x0, x1) in r9 and (x2, x3) in r10 of three lines:
 * w0 x0 + w1 x1 + w2 x2 in r2 and w0 x1 + w1 x2 + w2 x3 in r11; r3-r8 weights, r0 plane, r12 pitch.
 * 18 instructions for 18 products, then 14 to rescale both.
 */
#define OUTPUTS_3X3                                                                                \
    "ldrd r9, r10, [r0], #4\n\t"                                                                   \
    "smuad r2, r9, r3\n\t"                                                                         \
    "smuad r11, r10, r4\n\t"                                                                       \
    "smlabt r2, r10, r4, r2\n\t"                                                                   \
    "smlatb r11, r9, r3, r11\n\t"                                                                  \
    "add r0, r12\n\t"                                                                              \
    "ldrd r9, r10, [r0, #-4]\n\t"                                                                  \
    "smlad r2, r9, r5, r2\n\t"                                                                     \
    "smlad r11, r10, r6, r11\n\t"                                                                  \
    "smlabt r2, r10, r6, r2\n\t"                                                                   \
    "smlatb r11, r9, r5, r11\n\t"                                                                  \
    "add r0, r12\n\t"                                                                              \
    "ldrd r9, r10, [r0, #-4]\n\t"                                                                  \
    "smlad r2, r9, r7, r2\n\t"                                                                     \
    "smlad r11, r10, r8, r11\n\t"                                                                  \
    "smlabt r2, r10, r8, r2\n\t"                                                                   \
    "smlatb r11, r9, r7, r11\n\t"                                                                  \
    "sub r0, r0, r12, lsl #1\n\t"                                                                  \
    "ldrd r9, r10, [sp, #32]\n\t" /* bias, multiplier */                                           \
    "add r2, r9, r2, lsl #1\n\t"                                                                   \
    "add r11, r9, r11, lsl #1\n\t"                                                                 \
    "smmulr r2, r2, r10\n\t"                                                                       \
    "smmulr r11, r11, r10\n\t"                                                                     \
    "ldrd r9, r10, [sp, #40]\n\t" /* shift, rounding */                                            \
    "add r2, r2, r2, asr #31\n\t"                                                                  \
    "add r11, r11, r11, asr #31\n\t"                                                               \
    "add r2, r10\n\t"                                                                              \
    "add r11, r10\n\t"                                                                             \
    "asr r2, r9\n\t"                                                                               \
    "asr r11, r9\n\t"                                                                              \
    "ssat r2, #8, r2\n\t"                                                                          \
    "ssat r11, #8, r11\n\t"

/*
 * r1 output, lr step, and as above. On the stack the job from `plane` on: 0 plane, 4 output, 8
 * pitch, 12 step, 16 advance, 20 pairs, 24 single, 28 lines, 32 rescale and rounding; at 48 pairs
 * left.
 */
__attribute__((naked, noinline)) void ws_lines_3x3(UNUSED const ws_plane_3x3 *plane) {
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "sub sp, #52\n\t"
                     "add r1, r0, #24\n\t"
                     "ldmia r1!, {r3-r8}\n\t"
                     "stmia sp, {r3-r8}\n\t"
                     "ldmia r1!, {r3-r8}\n\t"
                     "add r2, sp, #24\n\t"
                     "stmia r2, {r3-r8}\n\t"
                     "ldmia r0, {r3-r8}\n\t"
                     "ldrd r0, r1, [sp]\n\t"
                     "ldrd r12, lr, [sp, #8]\n\t"
                     "1:\n\t"
                     "ldr r2, [sp, #20]\n\t"
                     "cmp r2, #0\n\t"
                     "beq 3f\n\t"
                     "str r2, [sp, #48]\n\t"
                     "2:\n\t" OUTPUTS_3X3 "strb r2, [r1]\n\t"
                     "strb r11, [r1, lr]\n\t"
                     "ldr r2, [sp, #48]\n\t"
                     "add r1, r1, lr, lsl #1\n\t"
                     "subs r2, #1\n\t"
                     "str r2, [sp, #48]\n\t"
                     "bne 2b\n\t"
                     "3:\n\t"
                     "ldr r2, [sp, #24]\n\t"
                     "cmp r2, #0\n\t"
                     "beq 4f\n\t" OUTPUTS_3X3 "strb r2, [r1]\n\t"
                     "add r1, lr\n\t"
                     "4:\n\t"
                     "ldr r9, [sp]\n\t" /* the next line */
                     "ldr r10, [sp, #16]\n\t"
                     "add r9, r12\n\t"
                     "str r9, [sp]\n\t"
                     "mov r0, r9\n\t"
                     "add r1, r10\n\t"
                     "ldr r2, [sp, #28]\n\t"
                     "subs r2, #1\n\t"
                     "str r2, [sp, #28]\n\t"
                     "bne 1b\n\t"
                     "add sp, #52\n\t"
                     "pop {r4-r11, pc}\n\t");
}

#else

void ws_dot_4x2(const int8_t *x, const int16_t *weights, int32_t pairs, int32_t *sums) {
    int32_t sum[8] = {0};
    for (int32_t i = 0; i < pairs; i++) {
        const uint32_t both = ws_load32(weights + 2 * i);
        const uint32_t b = ws_even_bytes(both);
        for (int32_t position = 0; position < 4; position++) {
            const uint32_t pair = ws_load32(x + 16 * i + 4 * position);
            sum[position] = ws_dot_pair(pair, b, sum[position]);
            sum[position + 4] = ws_dot_pair(pair, both, sum[position + 4]);
        }
    }
    memcpy(sums, sum, sizeof sum);
}

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

#endif
