/*
 * The inner loops of the DSP kernels for Cortex-M4, M7 and M33, in assembly because both compilers
 * run out of registers on them: 14 are in use, none is spilled. The plain C below says what they
 * compute.
 */
#include "ws_dsp_dots.h"

#include "ws_dsp.h"
#include "ws_dsp_asm.h"
#include "ws_dsp_outputs.h"

#if WS_HAS_DSP

/* An instruction per line: */
/* clang-format off */

/*
 * r1 weights, r2 b's weights, r3 both weights; the rest as WS_MACS_4X2 says. On the stack: x's end,
 * where the sums go.
 *
 * Per pair of values and 16 multiplications 12 instructions: 0.75 each, and 3 for the loop in 48.
 */
#define PAIR_4X2                                                                                   \
    "ldr r3, [r1], #4\n\t"                                                                         \
    "sxtb16 r2, r3\n\t"                                                                            \
    WS_MACS_4X2("r2", "r3")

__attribute__((naked, noinline)) void ws_dot_4x2(WS_UNUSED const int8_t *x,
                                                 WS_UNUSED const int16_t *weights,
                                                 WS_UNUSED int32_t pairs, WS_UNUSED int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "lsls r3, r2, #30\n\t"
        "add r2, r0, r2, lsl #4\n\t"
        "push {r2, r3}\n\t"
        WS_ZERO_SUMS
        "bne 2f\n\t"
        "1:\n\t"
        PAIR_4X2
        PAIR_4X2
        "2:\n\t"
        PAIR_4X2
        PAIR_4X2
        "ldr r2, [sp]\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        "ldr r2, [sp, #8]\n\t"
        "stmia r2, {r5-r12}\n\t"
        "add sp, #8\n\t"
        "pop {r3-r11, pc}\n\t");
}

/* The same for the first pair: no sums yet. */
#define FIRST_4X2                                                                                  \
    "ldr r3, [r1], #4\n\t"                                                                         \
    "sxtb16 r2, r3\n\t"                                                                            \
    "ldrd r4, lr, [r0], #16\n\t"                                                                   \
    "smuad r5, r4, r2\n\t"                                                                         \
    "smuad r9, r4, r3\n\t"                                                                         \
    "smuad r6, lr, r2\n\t"                                                                         \
    "smuad r10, lr, r3\n\t"                                                                        \
    "ldrd r4, lr, [r0, #-8]\n\t"                                                                   \
    "smuad r7, r4, r2\n\t"                                                                         \
    "smuad r11, r4, r3\n\t"                                                                        \
    "smuad r8, lr, r2\n\t"                                                                         \
    "smuad r12, lr, r3\n\t"

/*
 * The loop of ws_dot_4x2 once per two channels, and what follows it. On the stack the tile from x
 * on, at 36 where to go after two pairs: 0 into the loop, 1 into its middle where two pairs are
 * left over, 2 behind it. 72 instructions for 8 outputs beside the pairs and the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4(WS_UNUSED const ws_tile *tile) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #44\n\t"
        "ldmia r0!, {r1, r2}\n\t"
        "ldmia r0, {r3-r11}\n\t"
        "stmia sp, {r3-r11}\n\t"
        "subs r3, r2, #2\n\t"
        "ite eq\n\t"
        "moveq r3, #2\n\t"
        "ubfxne r3, r3, #1, #1\n\t"
        "str r3, [sp, #36]\n\t"
        "3:\n\t"
        "ldr r0, [sp]\n\t"
        FIRST_4X2
        PAIR_4X2
        "ldr r2, [sp, #36]\n\t"
        "tbb [pc, r2]\n\t"
        "5: .byte (1f - 5b) / 2, (2f - 5b) / 2, (4f - 5b) / 2, 0\n\t"
        "1:\n\t"
        PAIR_4X2
        PAIR_4X2
        "2:\n\t"
        PAIR_4X2
        PAIR_4X2
        "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        "4:\n\t"
        /* 256 a */
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        WS_OUTPUTS_4X2("asr #7")
        "ldr r2, [sp, #32]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #32]\n\t"
        "bne 3b\n\t"
        "add sp, #44\n\t"
        "pop {r4-r11, pc}\n\t");
}

/*
 * r1-r4 the four places, lr words left, r5-r8 even bytes, r9-r12 odd ones; on the stack words,
 * rows left, advance. Per 16 values 15 instructions, and 9 per row.
 */
__attribute__((naked, noinline)) int8_t *ws_widen_4(WS_UNUSED int8_t *to,
                                                    WS_UNUSED const ws_widening *job) {
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "sub sp, #12\n\t"
        "mov r8, r1\n\t"
        "ldmia r8, {r1-r7}\n\t"
        "stmia sp, {r5-r7}\n\t"
        "1:\n\t"
        "ldr lr, [sp]\n\t"
        "2:\n\t"
        "ldr r5, [r1], #4\n\t"
        "ldr r6, [r2], #4\n\t"
        "ldr r7, [r3], #4\n\t"
        "ldr r8, [r4], #4\n\t"
        "sxtb16 r9, r5, ror #8\n\t"
        "sxtb16 r10, r6, ror #8\n\t"
        "sxtb16 r11, r7, ror #8\n\t"
        "sxtb16 r12, r8, ror #8\n\t"
        "sxtb16 r5, r5\n\t"
        "sxtb16 r6, r6\n\t"
        "sxtb16 r7, r7\n\t"
        "sxtb16 r8, r8\n\t"
        "subs lr, #1\n\t"
        "stmia r0!, {r5-r12}\n\t"
        "bne 2b\n\t"
        "ldrd r5, r6, [sp, #4]\n\t"
        "add r1, r6\n\t"
        "add r2, r6\n\t"
        "add r3, r6\n\t"
        "add r4, r6\n\t"
        "subs r5, #1\n\t"
        "str r5, [sp, #4]\n\t"
        "bne 1b\n\t"
        "add sp, #12\n\t"
        "pop {r3-r11, pc}\n\t");
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

__attribute__((naked, noinline)) void ws_dot_1x8(WS_UNUSED const int8_t *x,
                                                 WS_UNUSED const int16_t *weights,
                                                 WS_UNUSED int32_t values, WS_UNUSED int32_t *sums) {
    __asm__ volatile("push {r3-r11, lr}\n\t"
                     "lsls r3, r2, #29\n\t" /* values modulo 8, which is 0 or 4 */
                     "add r2, r0\n\t"
                     "push {r2, r3}\n\t" WS_ZERO_SUMS "bne 2f\n\t"
                     "1:\n\t" FOUR_1X8 "2:\n\t" FOUR_1X8 "ldr r2, [sp]\n\t"
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
 * stack: 0 x, 4 its end, 8 values & 4, 12 channels, 16 output, 20 `twice`, 24 count. 98 instructions for 8
 * outputs beside the loop.
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
        "strb r6, [r0, #1]\n\t"
        "strb r7, [r0, #2]\n\t"
        "strb r8, [r0, #3]\n\t"
        "strb r9, [r0, #4]\n\t"
        "strb r10, [r0, #5]\n\t"
        "strb r11, [r0, #6]\n\t"
        "strb r12, [r0, #7]\n\t"
        "strb r5, [r0], #8\n\t"
        "str r0, [sp, #16]\n\t"
        "ldr r2, [sp, #24]\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #24]\n\t"
        "bne 3b\n\t"
        "add sp, #28\n\t"
        "pop {r4-r11, pc}\n\t");
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
__attribute__((naked, noinline)) void ws_lines_3x3(WS_UNUSED const ws_plane_3x3 *plane) {
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

/* clang-format on */

#elif !WS_HAS_ASM

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

void ws_tile_4(const ws_tile *tile) {
    for (int32_t c = 0; c < 2 * tile->count; c += 2) {
        const ws_rescale *r = tile->channels + c;
        const int32_t rounding[2] = {tile->twice * (1 << r[0].shift) >> 1,
                                     tile->twice * (1 << r[1].shift) >> 1};
        int32_t sums[8];
        ws_dot_4x2(tile->x, tile->weights + c * tile->pairs, tile->pairs, sums);
        for (int32_t i = 3; i >= 0; i--) {
            const int32_t a = ws_twice_a(sums[i], sums[i + 4]);
            int8_t *output = tile->output + c + (i > 0 ? tile->offset[i - 1] : 0);
            output[0] = (int8_t)ws_rescale_s8(&r[0], 2 * sums[i] + r[0].bias, rounding[0]);
            output[1] = (int8_t)ws_rescale_s8(&r[1], a + r[1].bias, rounding[1]);
        }
    }
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

int8_t *ws_widen_4(int8_t *to, const ws_widening *job) {
    for (int32_t row = 0; row < job->rows; row++) {
        for (int32_t i = 0; i < job->words; i++) {
            for (int32_t k = 0; k < 4; k++) {
                const int32_t at = row * (4 * job->words + job->advance) + 4 * i;
                const uint32_t word = ws_load32(job->from[k] + at);
                ws_store32(to + 4 * k, ws_even_bytes(word));
                ws_store32(to + 4 * k + 16, ws_odd_bytes(word));
            }
            to += 32;
        }
    }
    return to;
}

#endif
