/*
 * The inner loop of DEPTHWISE_CONV_2D on the DSP instructions with a 3x3 filter and stride 1: two
 * neighbouring outputs share what they load of three lines of a plane of int16.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_layout.h"

#if WS_HAS_DSP

WS_FIELD_AT(ws_plane_3x3, plane, 24);
WS_FIELD_AT(ws_plane_3x3, rounding, 68);

/* An instruction per line: */
/* clang-format off */

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
 * left. 39 instructions for two outputs.
 */
__attribute__((naked, noinline)) void ws_lines_3x3(WS_UNUSED const ws_plane_3x3 *plane) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
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
        "2:\n\t"
        OUTPUTS_3X3
        "strb r2, [r1]\n\t"
        "strb r11, [r1, lr]\n\t"
        "ldr r2, [sp, #48]\n\t"
        "add r1, r1, lr, lsl #1\n\t"
        "subs r2, #1\n\t"
        "str r2, [sp, #48]\n\t"
        "bne 2b\n\t"
        "3:\n\t"
        "ldr r2, [sp, #24]\n\t"
        "cmp r2, #0\n\t"
        "beq 4f\n\t"
        OUTPUTS_3X3
        "strb r2, [r1]\n\t"
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

#elif WS_HAS_MLA

/* Armv7-M: the nine weights are in registers, doubled; LDRSH extends a value as it loads it. */

WS_FIELD_AT(ws_plane_3x3, plane, 36);
WS_FIELD_AT(ws_plane_3x3, rounding, 80);

/* An instruction per line: */
/* clang-format off */

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

/* clang-format on */

#else

/* The sum below the value at `from`, doubled as the weights are. */
static int32_t sum_3x3(const ws_plane_3x3 *p, const int8_t *from) {
    int32_t sum = 0;
    for (int32_t i = 0; i < 9; i++) {
        sum += p->weights[i] * ws_load16(from + i / 3 * p->pitch + i % 3 * 2);
    }
    return sum;
}

void ws_lines_3x3(const ws_plane_3x3 *p) {
    const int8_t *line = p->plane;
    int8_t *output = p->output;
    for (int32_t y = 0; y < p->lines; y++) {
        for (int32_t x = 0; x < 2 * p->pairs + p->single; x++) {
            const int32_t doubled = sum_3x3(p, line + 2 * x) + p->rescale.bias;
            *output = (int8_t)ws_rescale_s8(&p->rescale, doubled, p->rounding);
            output += p->step;
        }
        line += p->pitch;
        output += p->advance;
    }
}

#endif
