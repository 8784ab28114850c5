/* What tiles of CONV_2D see, from bytes to halves of words, on cores with MULS only. */
#include "ws_muls.h"
#include "ws_muls_asm.h"

#if WS_ARMV6M

/* An instruction per line: */
/* clang-format off */

/* Byte `k` of r1 to half a word at r0, by r3; `step` is from a value's word to the next value's. */
#define AT(k, step) ", [r0, #(" #k " * " step ")]\n\t"
#define UPPER_AT(k, step) ", [r0, #(" #k " * " step " + 2)]\n\t"

#define LOWER(k, step, from)                                                                       \
    "ldrsb r3, [r1, " from "]\n\t"                                                                 \
    "strh r3" AT(k, step)

#define UPPER(k, step)                                                                             \
    "ldrh r4" AT(k, step)                                                                          \
    "lsrs r4, r4, #15\n\t"                                                                         \
    "subs r3, r3, r4\n\t"                                                                          \
    "strh r3" UPPER_AT(k, step)

#define LOWER_ONE(step) LOWER(0, step, "r4")
#define UPPER_ONE(step)                                                                            \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    UPPER(0, step)

#define LOWER_FOUR(a, b, c, d, step)                                                               \
    LOWER(a, step, "r4")                                                                           \
    LOWER(b, step, "r5")                                                                           \
    LOWER(c, step, "r6")                                                                           \
    LOWER(d, step, "r7")                                                                           \
    "adds r1, #4\n\t"

#define UPPER_FOUR(a, b, c, d, step)                                                               \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    UPPER(a, step)                                                                                 \
    "ldrsb r3, [r1, r5]\n\t"                                                                       \
    UPPER(b, step)                                                                                 \
    "ldrsb r3, [r1, r6]\n\t"                                                                       \
    UPPER(c, step)                                                                                 \
    "ldrsb r3, [r1, r7]\n\t"                                                                       \
    UPPER(d, step)                                                                                 \
    "adds r1, #4\n\t"

/* Both halves: r5 from a byte of the lower half to that of the upper, r6 one more, r7 is 1. */
#define BOTH(k, step)                                                                              \
    "lsls r4, r4, #16\n\t"                                                                         \
    "adds r3, r3, r4\n\t"                                                                          \
    "str r3" AT(k, step)

#define BOTH_ONE(step)                                                                             \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    "ldrsb r4, [r1, r5]\n\t"                                                                       \
    BOTH(0, step)

#define BOTH_TWO(a, b, step)                                                                       \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    "ldrsb r4, [r1, r5]\n\t"                                                                       \
    BOTH(a, step)                                                                                  \
    "ldrsb r3, [r1, r7]\n\t"                                                                       \
    "ldrsb r4, [r1, r6]\n\t"                                                                       \
    BOTH(b, step)                                                                                  \
    "adds r1, #2\n\t"

#define BOTH_FOUR(a, b, c, d, step) BOTH_TWO(a, b, step) BOTH_TWO(c, d, step)

/* Rows: r2 values left in a row; r8 values of a row, r9 rows left, r10 and r11 gaps. */
#define ROWS(ONE, FOUR, step)                                                                      \
    "1:\n\t"                                                                                       \
    "mov r2, r8\n\t"                                                                               \
    "subs r2, #8\n\t"                                                                              \
    "blt 3f\n\t"                                                                                   \
    "2:\n\t"                                                                                       \
    FOUR(0, 1, 2, 3, step)                                                                         \
    FOUR(4, 5, 6, 7, step)                                                                         \
    "adds r0, #(8 * " step ")\n\t"                                                                 \
    "subs r2, #8\n\t"                                                                              \
    "bge 2b\n\t"                                                                                   \
    "3:\n\t"                                                                                       \
    "adds r2, #4\n\t"                                                                              \
    "blt 4f\n\t"                                                                                   \
    FOUR(0, 1, 2, 3, step)                                                                         \
    "adds r0, #(4 * " step ")\n\t"                                                                 \
    "subs r2, #4\n\t"                                                                              \
    "4:\n\t"                                                                                       \
    "adds r2, #4\n\t"                                                                              \
    "beq 6f\n\t"                                                                                   \
    "5:\n\t"                                                                                       \
    ONE(step)                                                                                      \
    "adds r0, #" step "\n\t"                                                                       \
    "adds r1, #1\n\t"                                                                              \
    "subs r2, #1\n\t"                                                                              \
    "bne 5b\n\t"                                                                                   \
    "6:\n\t"                                                                                       \
    "add r0, r10\n\t"                                                                              \
    "add r1, r11\n\t"                                                                              \
    "mov r3, r9\n\t"                                                                               \
    "subs r3, #1\n\t"                                                                              \
    "mov r9, r3\n\t"                                                                               \
    "bne 1b\n\t"

/*
 * r0 words, r1 bytes; r4 to r7 are 0 to 3, because bytes with a sign have no other offsets, or r4 is
 * free, or as for both halves. For 8 values of lower halves 21 instructions, of upper halves 47, and
 * for 8 of each at once 51; 15 for a row. In three strings, as C99 allows 4095 characters in one.
 */
#define WIDEN(step)                                                                                \
    __asm__ volatile(WS_V6M_ENTER                                                                  \
    "mov r12, r0\n\t"                                                                              \
    "ldmia r0!, {r1-r7}\n\t"                                                                       \
    "mov r8, r3\n\t"                                                                               \
    "mov r9, r4\n\t"                                                                               \
    "mov r10, r5\n\t"                                                                              \
    "mov r11, r6\n\t"                                                                              \
    "mov r3, r7\n\t"                                                                               \
    "mov r0, r1\n\t"                                                                               \
    "mov r1, r2\n\t"                                                                               \
    "movs r4, #0\n\t"                                                                              \
    "movs r5, #1\n\t"                                                                              \
    "movs r6, #2\n\t"                                                                              \
    "movs r7, #3\n\t"                                                                              \
    "cmp r3, #1\n\t"                                                                               \
    "blt 2f\n\t"                                                                                   \
    "beq 1f\n\t"                                                                                   \
    "b 8f\n\t"                                                                                     \
    "1:\n\t"                                                                                       \
    "b 7f\n\t"                                                                                     \
    "2:\n\t"                                                                                       \
    ROWS(LOWER_ONE, LOWER_FOUR, step)                                                              \
    "b 9f\n\t");                                                                                   \
    __asm__ volatile("7:\n\t"                                                                      \
    ROWS(UPPER_ONE, UPPER_FOUR, step)                                                              \
    "b 9f\n\t");                                                                                   \
    __asm__ volatile("8:\n\t"                                                                      \
    "mov r3, r12\n\t"                                                                              \
    "ldr r5, [r3, #28]\n\t"                                                                        \
    "adds r6, r5, #1\n\t"                                                                          \
    "movs r7, #1\n\t"                                                                              \
    ROWS(BOTH_ONE, BOTH_FOUR, step)                                                                \
    "9:\n\t"                                                                                       \
    WS_V6M_LEAVE)

__attribute__((naked, noinline)) void ws_muls_widen_4(WS_UNUSED const ws_muls_patch *patch) {
    WIDEN("8");
}

__attribute__((naked, noinline)) void ws_muls_widen_2(WS_UNUSED const ws_muls_patch *patch) {
    WIDEN("4");
}

/* clang-format on */

#else

static void widen(const ws_muls_patch *patch, int32_t lanes) {
    int8_t *to = patch->to;
    const int8_t *from = patch->from;
    for (int32_t row = 0; row < patch->rows; row++) {
        for (int32_t i = 0; i < patch->count; i++) {
            if (patch->halves == WS_UPPER) {
                ws_store16(to + 2, *from - (ws_low16(ws_load32_aligned(to)) < 0));
            } else {
                ws_store16(to, *from);
            }
            if (patch->halves == WS_BOTH) {
                ws_store16(to + 2, from[patch->apart] - (*from < 0));
            }
            from++;
            to += 2 * lanes;
        }
        to += patch->to_gap;
        from += patch->from_gap;
    }
}

void ws_muls_widen_4(const ws_muls_patch *patch) {
    widen(patch, 4);
}

void ws_muls_widen_2(const ws_muls_patch *patch) {
    widen(patch, 2);
}

#endif
