/* The inner loops of FULLY_CONNECTED on cores with MULS only. */
#include "ws_layout.h"
#include "ws_memory.h"
#include "ws_muls.h"
#include "ws_muls_asm.h"

#define UNITS 8

#if WS_ARMV6M

WS_FIELD_AT(ws_muls_dense, pass, 16);
WS_FIELD_AT(ws_muls_dense, groups, 32);
WS_FIELD_AT(ws_muls_channel, place, 8);

/* An instruction per line: */
/* clang-format off */

/*
 * A value by eight units: r4 weights, r5 from there to the value; r0 words of four weights + 128, of
 * which the mask r6 leaves two; r1 the other two; r3 the value; r8 to r11 sums of words, r12 the sum
 * of the values. 17 instructions of 34 bytes: 2.1 for a multiplication.
 */
#define VALUE                                                                                      \
    "ldmia r4!, {r0, r7}\n\t"                                                                      \
    "ldrsb r3, [r5, r4]\n\t"                                                                       \
    "lsrs r1, r0, #8\n\t"                                                                          \
    "lsrs r2, r7, #8\n\t"                                                                          \
    "ands r0, r6\n\t"                                                                              \
    "ands r1, r6\n\t"                                                                              \
    "ands r7, r6\n\t"                                                                              \
    "ands r2, r6\n\t"                                                                              \
    "muls r0, r3, r0\n\t"                                                                          \
    "muls r1, r3, r1\n\t"                                                                          \
    "muls r7, r3, r7\n\t"                                                                          \
    "muls r2, r3, r2\n\t"                                                                          \
    "add r8, r0\n\t"                                                                               \
    "add r9, r1\n\t"                                                                               \
    "add r10, r7\n\t"                                                                              \
    "add r11, r2\n\t"                                                                              \
    "add r12, r3\n\t"

/* 17 instructions. */
#define VALUE_BYTES "34"

/*
 * A sum of words to T and G of two units, at r2: the 128s are taken off, 128 * 65537 times the sum
 * of values, r7. 8 instructions.
 */
#define SPLIT(sum)                                                                                 \
    "mov r3, " sum "\n\t"                                                                          \
    "subs r3, r3, r7\n\t"                                                                          \
    "ldr r0, [r2]\n\t"                                                                             \
    "ldr r1, [r2, #4]\n\t"                                                                         \
    "adds r0, r0, r3\n\t"                                                                          \
    "asrs r3, r3, #16\n\t"                                                                         \
    "adcs r1, r1, r3\n\t"                                                                          \
    "stmia r2!, {r0, r1}\n\t"

/* T and G of two units begin with their biases: r0 channels, r1 T and G. */
#define BEGIN_TWO                                                                                  \
    "ldr r2, [r0]\n\t"                                                                             \
    "ldr r3, [r0, #12]\n\t"                                                                        \
    "lsls r4, r3, #16\n\t"                                                                         \
    "adds r2, r2, r4\n\t"                                                                          \
    "stmia r1!, {r2, r3}\n\t"                                                                      \
    "adds r0, #24\n\t"

/* Sums of two units from T and G at r1. */
#define END_TWO                                                                                    \
    "ldr r2, [r1]\n\t"                                                                             \
    "ldr r3, [r1, #4]\n\t"                                                                         \
    "lsls r0, r3, #16\n\t"                                                                         \
    "subs r2, r2, r0\n\t"                                                                          \
    "stmia r1!, {r2, r3}\n\t"

/* Bytes of code of the values that are jumped over, of 16, when `n` are wanted; b is free. */
#define SKIPPED(n, b)                                                                              \
    "movs " b ", #16\n\t"                                                                          \
    "subs " n ", " b ", " n "\n\t"                                                                 \
    "movs " b ", #" VALUE_BYTES "\n\t"                                                             \
    "muls " n ", " b ", " n "\n\t"                                                                 \
    "subs " n ", #2\n\t"

/*
 * On the stack 0 to 28 T and G of four pairs of units, 32 end of the pass's weights, 36 code to jump
 * over first, 40 passes left; from 44 the job: 44 x, 48 weights, 52 channels, 56 output, 60 bytes of
 * a pass, 64 zero point, 68 and 72 bounds, 76 groups. lr code to jump over later.
 *
 * Beside 17 instructions for a value of eight units: 49 when words are taken apart, 10 for a pass,
 * and for a group 88 and 40 to 42 for each output.
 */
__attribute__((naked, noinline)) void ws_muls_dense_8(WS_UNUSED const ws_muls_dense *dense) {
    __asm__ volatile(
        WS_V6M_ENTER
        "sub sp, #80\n\t"
        "add r1, sp, #44\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "ldmia r0!, {r2-r4}\n\t"
        "stmia r1!, {r2-r4}\n\t"
        "1:\n\t" /* a group */
        "ldr r0, [sp, #52]\n\t"
        "ldr r5, [r0, #8]\n\t"
        "mov r1, sp\n\t"
        BEGIN_TWO
        BEGIN_TWO
        BEGIN_TWO
        BEGIN_TWO
        "lsrs r0, r5, #8\n\t"
        "uxtb r0, r0\n\t"
        "lsrs r5, r5, #16\n\t"
        SKIPPED("r0", "r1")
        "mov lr, r0\n\t"
        SKIPPED("r5", "r1")
        "str r5, [sp, #36]\n\t"
        "movs r6, #255\n\t"
        "lsls r0, r6, #16\n\t"
        "adds r6, r6, r0\n\t"
        "movs r0, #8\n\t"
        "str r0, [sp, #40]\n\t"
        "ldr r4, [sp, #48]\n\t"
        "ldr r5, [sp, #44]\n\t"
        "subs r5, r5, r4\n\t"
        "subs r5, #8\n\t"
        "ldr r0, [sp, #60]\n\t"
        "adds r0, r0, r4\n\t"
        "str r0, [sp, #32]\n\t"
        "2:\n\t" /* a pass */
        "ldr r0, [sp, #36]\n\t"
        "b 4f\n\t"
        "3:\n\t"
        "mov r0, lr\n\t"
        "4:\n\t"
        "movs r1, #0\n\t"
        "mov r8, r1\n\t"
        "mov r9, r1\n\t"
        "mov r10, r1\n\t"
        "mov r11, r1\n\t"
        "mov r12, r1\n\t"
        "add pc, r0\n\t" /* -2 is the next instruction */
        ".rept 16\n\t"
        VALUE
        ".endr\n\t"
        "mov r0, r12\n\t"
        "lsls r7, r0, #7\n\t"
        "lsls r0, r0, #23\n\t"
        "adds r7, r7, r0\n\t"
        "mov r2, sp\n\t"
        SPLIT("r8")
        SPLIT("r9")
        SPLIT("r10")
        SPLIT("r11")
        "ldr r0, [sp, #32]\n\t"
        "cmp r4, r0\n\t"
        "beq 5f\n\t"
        "b 3b\n\t"
        "5:\n\t"
        "ldr r1, [sp, #60]\n\t"
        "adds r0, r0, r1\n\t"
        "str r0, [sp, #32]\n\t"
        "subs r5, r5, r1\n\t"
        "adds r5, #1\n\t"
        "ldr r0, [sp, #40]\n\t"
        "subs r0, #1\n\t"
        "str r0, [sp, #40]\n\t"
        "beq 6f\n\t"
        "b 2b\n\t"
        "6:\n\t"
        "str r4, [sp, #48]\n\t"
        "mov r1, sp\n\t"
        END_TWO
        END_TWO
        END_TWO
        END_TWO
        "mov r9, r1\n\t"
        "ldr r0, [sp, #68]\n\t"
        "mov r10, r0\n\t"
        "ldr r0, [sp, #72]\n\t"
        "mov r11, r0\n\t"
        "ldr r6, [sp, #64]\n\t"
        "mov r3, sp\n\t"
        "9:\n\t" /* an output: r8 its sum, r9 the last one's end */
        "ldmia r3!, {r0}\n\t"
        "mov r8, r3\n\t"
        "ldr r1, [sp, #52]\n\t"
        "ldr r4, [r1, #4]\n\t"
        "ldr r7, [r1, #8]\n\t"
        "adds r1, #12\n\t"
        "str r1, [sp, #52]\n\t"
        "lsrs r5, r4, #16\n\t"
        "uxth r4, r4\n\t"
        "uxtb r7, r7\n\t"
        WS_V6M_OUTPUT("r0", "r1", "r2", "r3", "r4", "r5", "r7", "r6")
        "ldr r1, [sp, #56]\n\t"
        "strb r0, [r1]\n\t"
        "adds r1, #1\n\t"
        "str r1, [sp, #56]\n\t"
        "mov r3, r8\n\t"
        "cmp r3, r9\n\t"
        "bne 9b\n\t"
        "ldr r0, [sp, #76]\n\t"
        "subs r0, #1\n\t"
        "str r0, [sp, #76]\n\t"
        "beq 6f\n\t"
        "b 1b\n\t"
        "6:\n\t"
        "add sp, #80\n\t"
        WS_V6M_LEAVE);
}

/* A weight at r5 from `row` by the value r6, to `sum`. */
#define WEIGHT(row, sum)                                                                           \
    "ldrsb r7, [" row ", r5]\n\t"                                                                  \
    "muls r7, r6, r7\n\t"                                                                          \
    "add " sum ", r7\n\t"

/*
 * r0 end of the values, r1 to r4 of the rows, r5 what is left to it, below 0; r8 to r11 sums. 15
 * instructions for 4 multiplications: 3.75 each.
 */
__attribute__((naked, noinline)) void ws_muls_dot_4(WS_UNUSED const int8_t *x,
                                                    WS_UNUSED const int8_t *const *rows,
                                                    WS_UNUSED int32_t count,
                                                    WS_UNUSED int32_t *sums) {
    __asm__ volatile(
        WS_V6M_ENTER
        "mov r12, r3\n\t"
        "rsbs r5, r2, #0\n\t"
        "adds r0, r0, r2\n\t"
        "mov r7, r2\n\t"
        "ldmia r1!, {r2, r3, r4, r6}\n\t"
        "adds r1, r2, r7\n\t"
        "adds r2, r3, r7\n\t"
        "adds r3, r4, r7\n\t"
        "adds r4, r6, r7\n\t"
        "movs r6, #0\n\t"
        "mov r8, r6\n\t"
        "mov r9, r6\n\t"
        "mov r10, r6\n\t"
        "mov r11, r6\n\t"
        "1:\n\t"
        "ldrsb r6, [r0, r5]\n\t"
        WEIGHT("r1", "r8")
        WEIGHT("r2", "r9")
        WEIGHT("r3", "r10")
        WEIGHT("r4", "r11")
        "adds r5, #1\n\t"
        "bne 1b\n\t"
        "mov r0, r12\n\t"
        "mov r1, r8\n\t"
        "mov r2, r9\n\t"
        "mov r3, r10\n\t"
        "mov r4, r11\n\t"
        "stmia r0!, {r1-r4}\n\t"
        WS_V6M_LEAVE);
}

/* clang-format on */

#else

/* Where the weight of a unit of a group is. */
static const int32_t place_of[UNITS] = {0, 2, 1, 3, 4, 6, 5, 7};

void ws_muls_dense_8(const ws_muls_dense *dense) {
    const int8_t *weights = dense->weights;
    int8_t *output = dense->output;
    for (int32_t unit = 0; unit < UNITS * dense->groups; unit++) {
        const ws_muls_channel *channel = &dense->channels[unit];
        const int8_t *weight = weights + place_of[unit % UNITS];
        int32_t sum = channel->bias;
        for (int32_t pass = 0; pass < UNITS; pass++) {
            for (int32_t i = pass; i < dense->pass; i += UNITS) {
                sum += i < dense->depth ? dense->x[i] * ((uint8_t)*weight - 128) : 0;
                weight += UNITS;
            }
        }
        *output++ = ws_muls_output(sum, channel->multiplier, channel->place & 255, dense->zero,
                                   dense->low, dense->high);
        if (unit % UNITS == UNITS - 1) {
            weights += UNITS * dense->pass;
        }
    }
}

void ws_muls_dot_4(const int8_t *x, const int8_t *const *rows, int32_t count, int32_t *sums) {
    for (int32_t row = 0; row < 4; row++) {
        sums[row] = 0;
        for (int32_t i = 0; i < count; i++) {
            sums[row] += x[i] * rows[row][i];
        }
    }
}

#endif
