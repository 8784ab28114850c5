/*
 * The inner loop of CONV_2D on the DSP instructions: two channels at four positions.
 *
 * It is assembly because both compilers run out of registers on it: 14 are in use, none is spilled.
 * Loops are entered in the middle where there is half of a turn more to do.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_outputs.h"
#include "ws_layout.h"

#if WS_HAS_ASM
WS_FIELD_AT(ws_tile, count, 40);
#endif

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
 * left over, 2 behind it. 73 instructions for 8 outputs beside the pairs and the loop.
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

/* clang-format on */

#elif WS_HAS_MLA

/*
 * Armv7-M: a product is one MLA, and int16 or int8 is extended as it is loaded, which costs
 * nothing: of a half-word of two weights LDRSB gives b and LDRSH 256 a + b. What is at offset 0
 * comes last in a turn, for there the load can move its pointer on.
 */

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
    WS_VALUE_4X2("6", "10", "14", "[r0, #2]")                                                      \
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

/* clang-format on */

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

void ws_tile_4(const ws_tile *tile) {
    for (int32_t c = 0; c < 2 * tile->count; c += 2) {
        int32_t sums[8];
        ws_dot_4x2(tile->x, tile->weights + c * tile->pairs, tile->pairs, sums);
        for (int32_t i = 0; i < 4; i++) {
            sums[i + 4] = ws_twice_a(sums[i], sums[i + 4]);
            sums[i] *= 2;
        }
        ws_tile_outputs(tile->channels + c, tile->twice, sums, tile->output + c, tile->offset);
    }
}

#endif
