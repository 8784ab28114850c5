/*
 * Bytes to pairs of int16 for the inner loops of CONV_2D on the DSP instructions: four windows at
 * once, word by word, so that what they see lies side by side.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_layout.h"

#if WS_HAS_ASM
WS_FIELD_AT(ws_widening, advance, 24);
#endif

#if WS_HAS_DSP

/* An instruction per line: */
/* clang-format off */

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

/* clang-format on */

#elif WS_HAS_MLA

/* An instruction per line: */
/* clang-format off */

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

/* clang-format on */

#else

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
