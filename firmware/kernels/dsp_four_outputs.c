/*
 * The inner loop of DEPTHWISE_CONV_2D over a plane of int16 with any filter and stride, on cores
 * without DSP instructions: a weight serves four neighbouring outputs.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_layout.h"

#if WS_HAS_MLA

WS_FIELD_AT(ws_four, from, 16);
WS_FIELD_AT(ws_four, rounding, 52);

/* An instruction per line: */
/* clang-format off */

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

#elif !WS_HAS_DSP

void ws_four_outputs(const ws_four *four, const int8_t *plane, int8_t *output) {
    for (int32_t i = 3; i >= 0; i--) {
        const int8_t *from = plane + (i > 0 ? four->from[i - 1] : 0);
        const int8_t *weights = four->weights;
        int32_t sum = 0;
        for (int32_t y = 0; y < four->rows; y++) {
            for (int32_t x = 0; x < four->taps; x++) {
                sum += *weights++ * ws_load16(from);
                from += 2;
            }
            from += four->skip;
        }
        const int32_t doubled = 2 * sum + four->rescale.bias;
        output[i > 0 ? four->to[i - 1] : 0] =
            (int8_t)ws_rescale_s8(&four->rescale, doubled, four->rounding);
    }
}

#endif
