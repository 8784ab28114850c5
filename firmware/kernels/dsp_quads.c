/*
 * Four channels of a depthwise convolution at one output position, tap by tap: the inner loop of
 * dsp_depthwise_taps.c.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_taps.h"
#include "ws_layout.h"

#if WS_HAS_ASM
WS_FIELD_AT(ws_quads_job, quads, 28);
#endif

/* An instruction per line: */
/* clang-format off */

/*
 * On the stack 0 places, 4 their end, 8 rescales, 12 output, 16 `twice`, 20 quads left. r0 channel,
 * r1 weights, r2 places of the taps, r3 their end.
 */
#define BEGIN_QUADS                                                                                \
    "sub sp, #28\n\t"                                                                              \
    "mov r12, r0\n\t"                                                                              \
    "ldmia r12, {r0-r7}\n\t"                                                                       \
    "stmia sp, {r2-r7}\n\t"                                                                        \
    "1:\n\t"

/* From sums in r6 to r9 to int8, and back for the next quad. */
#define END_OF_QUAD                                                                                      \
    "3:\n\t"                                                                                       \
    "ldr r2, [sp, #8]\n\t"                                                                         \
    "ldr lr, [sp, #16]\n\t"                                                                        \
    OUTPUT("r6")                                                                                   \
    OUTPUT("r7")                                                                                   \
    OUTPUT("r8")                                                                                   \
    OUTPUT("r9")                                                                                   \
    "ldr r3, [sp, #12]\n\t"                                                                        \
    "str r2, [sp, #8]\n\t"                                                                         \
    "strb r7, [r3, #1]\n\t"                                                                        \
    "strb r8, [r3, #2]\n\t"                                                                        \
    "strb r9, [r3, #3]\n\t"                                                                        \
    "strb r6, [r3], #4\n\t"                                                                        \
    "str r3, [sp, #12]\n\t"                                                                        \
    "ldr r4, [sp, #20]\n\t"                                                                        \
    "ldrd r2, r3, [sp]\n\t"                                                                        \
    "add r0, #4\n\t"                                                                               \
    "subs r4, #1\n\t"                                                                              \
    "str r4, [sp, #20]\n\t"                                                                        \
    "bne 1b\n\t"                                                                                   \
    "add sp, #28\n\t"

#if WS_HAS_DSP

/* A tap's four values in `x` with its weights in r10, r11: the sums of channels 0, 2 and 1, 3. */
#define TAP(x, bottom, top, a, b, c, d)                                                            \
    "sxtb16 r4, " x "\n\t"                                                                         \
    "sxtb16 r5, " x ", ror #8\n\t"                                                                 \
    bottom " r6, r4, r10" a "\n\t"                                                                 \
    top " r8, r4, r10" b "\n\t"                                                                    \
    bottom " r7, r5, r11" c "\n\t"                                                                 \
    top " r9, r5, r11" d "\n\t"

#define NEXT_TAP(x) TAP(x, "smlabb", "smlatt", ", r6", ", r8", ", r7", ", r9")

/* One sum to its int8 value: r2 its ws_rescale, lr twice the zero point + 1. 8 instructions. */
#define OUTPUT(sum)                                                                                \
    "ldmia r2!, {r3, r4, r5}\n\t"                                                                  \
    "add " sum ", r3, " sum ", lsl #1\n\t"                                                         \
    "lsl r3, lr, r5\n\t"                                                                           \
    "asr r3, #1\n\t"                                                                               \
    "add r3, r3, " sum ", asr #31\n\t"                                                             \
    "smmlar " sum ", " sum ", r4, r3\n\t"                                                          \
    "asr " sum ", r5\n\t"                                                                          \
    "ssat " sum ", #8, " sum "\n\t"

/*
 * r4 and r5 values of channels 0, 2 and 1, 3, r6-r9 sums, r10 and r11 weights of channels 0, 2 and
 * 1, 3, r12 and lr what is at two taps. Sums to int8 as WS_RESCALE does it.
 *
 * Per 8 multiplications 17 instructions, and 2 for the loop; 11 for the first tap, 47 per quad.
 */
__attribute__((naked, noinline)) void ws_quads(WS_UNUSED const ws_quads_job *job) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        BEGIN_QUADS
        "ldr lr, [r2], #4\n\t"
        "ldr lr, [lr, r0]\n\t"
        "ldrd r10, r11, [r1], #8\n\t"
        TAP("lr", "smulbb", "smultt", "", "", "", "")
        "cmp r2, r3\n\t"
        "beq 3f\n\t"
        "2:\n\t"
        "ldrd r12, lr, [r2], #8\n\t"
        "ldr r12, [r12, r0]\n\t"
        "ldr lr, [lr, r0]\n\t"
        "ldrd r10, r11, [r1], #16\n\t"
        NEXT_TAP("r12")
        "ldrd r10, r11, [r1, #-8]\n\t"
        NEXT_TAP("lr")
        "cmp r2, r3\n\t"
        "bne 2b\n\t"
        END_OF_QUAD
        "pop {r4-r11, pc}\n\t");
}

#elif WS_HAS_MLA

/* Armv7-M: an MLA per product, a value and a weight extended as they are loaded. */

/* A tap, `place` what is there; weights at r1 + those, of channels 1, 2, 3, and at `last`. */
#define TAP(place, w1, w2, w3, last)                                                               \
    "add " place ", r0\n\t"                                                                        \
    "ldrsb r4, [" place ", #1]\n\t"                                                                \
    "ldrsh r5, [r1, #" w1 "]\n\t"                                                                  \
    "mla r7, r4, r5, r7\n\t"                                                                       \
    "ldrsb r4, [" place ", #2]\n\t"                                                                \
    "ldrsh r5, [r1, #" w2 "]\n\t"                                                                  \
    "mla r8, r4, r5, r8\n\t"                                                                       \
    "ldrsb r4, [" place ", #3]\n\t"                                                                \
    "ldrsh r5, [r1, #" w3 "]\n\t"                                                                  \
    "mla r9, r4, r5, r9\n\t"                                                                       \
    "ldrsb r4, [" place "]\n\t"                                                                    \
    "ldrsh r5, " last "\n\t"                                                                       \
    "mla r6, r4, r5, r6\n\t"

/* One sum to its int8 value: r2 its ws_rescale, lr twice the zero point + 1. 10 instructions. */
#define OUTPUT(sum)                                                                                \
    "ldmia r2!, {r3, r4, r5}\n\t"                                                                  \
    "add " sum ", r3, " sum ", lsl #1\n\t"                                                         \
    "lsl r12, lr, r5\n\t"                                                                          \
    "asr r12, r12, #1\n\t"                                                                         \
    WS_RESCALE_ONE(sum, "r4", "r5", "r12", "r3")

/*
 * r4 value, r5 weight, r6-r9 sums of four channels, r12 and lr what is at two taps.
 *
 * Per 8 multiplications 27 instructions, and 2 for the loop; 16 for the first tap, 59 per quad.
 */
__attribute__((naked, noinline)) void ws_quads(WS_UNUSED const ws_quads_job *job) {
    __asm__ volatile(
        "push {r4-r9, lr}\n\t"
        BEGIN_QUADS
        "mov r6, #0\n\t"
        "mov r7, #0\n\t"
        "mov r8, #0\n\t"
        "mov r9, #0\n\t"
        "ldr lr, [r2], #4\n\t"
        TAP("lr", "4", "2", "6", "[r1], #8")
        "cmp r2, r3\n\t"
        "beq 3f\n\t"
        "2:\n\t"
        "ldrd r12, lr, [r2], #8\n\t"
        TAP("lr", "12", "10", "14", "[r1, #8]")
        TAP("r12", "4", "2", "6", "[r1], #16")
        "cmp r2, r3\n\t"
        "bne 2b\n\t"
        END_OF_QUAD
        "pop {r4-r9, pc}\n\t");
}

/* clang-format on */

#else

void ws_quads(const ws_quads_job *job) {
    const int16_t *weights = job->weights;
    int8_t *output = job->output;
    for (int32_t quad = 0; quad < job->quads; quad++) {
        int32_t sums[4] = {0};
        for (const int8_t *at = job->places; at < job->end; at += sizeof(const int8_t *)) {
            const int8_t *x = ws_place(at) + job->channel + 4 * quad;
            sums[0] += x[0] * weights[0];
            sums[1] += x[1] * weights[2];
            sums[2] += x[2] * weights[1];
            sums[3] += x[3] * weights[3];
            weights += 4;
        }
        for (int32_t i = 0; i < 4; i++) {
            const ws_rescale *r = &job->channels[4 * quad + i];
            const int32_t rounding = ws_rounding_of(job->twice, r->shift);
            *output++ = (int8_t)ws_rescale_s8(r, 2 * sums[i] + r->bias, rounding);
        }
    }
}

#endif
