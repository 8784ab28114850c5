/* The inner loop of CONV_2D on cores with MULS only: four positions by all channels. */
#include "ws_muls.h"
#include "ws_muls_asm.h"

#if WS_ARMV6M

/* An instruction per line: */
/* clang-format off */

/*
 * Two values of four positions by one channel: r4 x, r5 from there to the weights; r0 to r2 words
 * of x, then products; r3 weight; r8 and r9 the sums T of both words, r6 and r7 their G
 * (ws_kernels_muls.h). Weights are read where x has moved on by 8 and by 12 bytes of 16, which is
 * how they are laid out; so no register counts but x itself.
 *
 * 17 instructions of 34 bytes for 8 multiplications: 2.1 each.
 */
#define PAIR                                                                                       \
    "ldmia r4!, {r0, r1}\n\t"                                                                      \
    "ldrsb r3, [r5, r4]\n\t"                                                                       \
    "muls r0, r3, r0\n\t"                                                                          \
    "muls r1, r3, r1\n\t"                                                                          \
    "ldmia r4!, {r2}\n\t"                                                                          \
    "ldrsb r3, [r5, r4]\n\t"                                                                       \
    "muls r2, r3, r2\n\t"                                                                          \
    "adds r0, r0, r2\n\t"                                                                          \
    "ldmia r4!, {r2}\n\t"                                                                          \
    "muls r2, r3, r2\n\t"                                                                          \
    "adds r1, r1, r2\n\t"                                                                          \
    "add r8, r0\n\t"                                                                               \
    "asrs r0, r0, #16\n\t"                                                                         \
    "adcs r6, r6, r0\n\t"                                                                          \
    "add r9, r1\n\t"                                                                               \
    "asrs r1, r1, #16\n\t"                                                                         \
    "adcs r7, r7, r1\n\t"

#define OUTPUT WS_V6M_OUTPUT("r0", "r1", "r2", "r3", "r4", "r5", "r7", "r6")

/*
 * On the stack the tile, its weights relative to x, `skip` as bytes of code that are jumped over.
 * r10 and r11 bounds of the output, r12 end of x.
 *
 * After the loop r4 and r5 halves of the multiplier, r6 zero point, r7 shift; sums of position 0 in
 * r8, 1 in lr, 2 in r9, 3 in r7 and at once in r0. Position 3 is written first, because those that
 * are not wanted must not be last. 27 instructions for each output, 38 around them.
 */
__attribute__((naked, noinline)) void ws_muls_tile_4(WS_UNUSED const ws_muls_tile *tile) {
    __asm__ volatile(
        WS_V6M_ENTER
        "sub sp, #52\n\t"
        "mov r1, sp\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "mov r10, r5\n\t"
        "mov r11, r6\n\t"
        "ldr r2, [r0]\n\t"
        "movs r3, #34\n\t"
        "muls r2, r3, r2\n\t"
        "subs r2, #2\n\t"
        "str r2, [sp, #48]\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r1, [sp, #8]\n\t"
        "subs r1, r1, r0\n\t"
        "subs r1, #8\n\t"
        "str r1, [sp, #8]\n\t"
        "ldr r0, [sp, #4]\n\t"
        "mov r12, r0\n\t"
        "1:\n\t"
        "ldr r0, [sp, #12]\n\t"
        "ldmia r0!, {r1, r2, r3}\n\t" /* bias, multiplier, place */
        "str r0, [sp, #12]\n\t"
        "lsrs r5, r3, #8\n\t"
        "ldr r0, [sp, #8]\n\t"
        "adds r5, r5, r0\n\t"
        "mov r6, r1\n\t"
        "mov r7, r1\n\t"
        "lsls r2, r1, #16\n\t"
        "adds r1, r1, r2\n\t"
        "mov r8, r1\n\t"
        "mov r9, r1\n\t"
        "ldr r4, [sp]\n\t"
        "ldr r0, [sp, #48]\n\t"
        "add pc, r0\n\t" /* -2 is the next instruction */
        "2:\n\t"
        ".rept 4\n\t"
        PAIR
        ".endr\n\t"
        "cmp r4, r12\n\t"
        "bne 2b\n\t"
        "lsls r0, r6, #16\n\t"
        "mov r1, r8\n\t"
        "subs r1, r1, r0\n\t"
        "mov r8, r1\n\t"
        "lsls r0, r7, #16\n\t"
        "mov r1, r9\n\t"
        "subs r1, r1, r0\n\t"
        "mov r9, r1\n\t"
        "mov lr, r6\n\t"
        "ldr r0, [sp, #12]\n\t"
        "subs r0, #8\n\t"
        "ldmia r0!, {r2, r3}\n\t"
        "uxth r4, r2\n\t"
        "lsrs r5, r2, #16\n\t"
        "ldr r6, [sp, #32]\n\t"
        "mov r0, r7\n\t"
        "uxtb r7, r3\n\t"
        OUTPUT
        "ldr r1, [sp, #16]\n\t"
        "ldr r2, [sp, #28]\n\t"
        "strb r0, [r1, r2]\n\t"
        "mov r0, r9\n\t"
        OUTPUT
        "ldr r1, [sp, #16]\n\t"
        "ldr r2, [sp, #24]\n\t"
        "strb r0, [r1, r2]\n\t"
        "mov r0, lr\n\t"
        OUTPUT
        "ldr r1, [sp, #16]\n\t"
        "ldr r2, [sp, #20]\n\t"
        "strb r0, [r1, r2]\n\t"
        "mov r0, r8\n\t"
        OUTPUT
        "ldr r1, [sp, #16]\n\t"
        "strb r0, [r1]\n\t"
        "adds r1, #1\n\t"
        "str r1, [sp, #16]\n\t"
        "ldr r0, [sp, #44]\n\t"
        "subs r0, #1\n\t"
        "str r0, [sp, #44]\n\t"
        "beq 3f\n\t"
        "b 1b\n\t"
        "3:\n\t"
        "add sp, #52\n\t"
        WS_V6M_LEAVE);
}

/* Values from r1 to halves of words at r0, by r3. */
#define LOWER(from, a)                                                                             \
    "ldrsb r3, [r1, " from "]\n\t"                                                                 \
    "strh r3, [r0, #" #a "]\n\t"

#define UPPER(a)                                                                                   \
    "ldrh r4, [r0, #" #a "]\n\t"                                                                   \
    "lsrs r4, r4, #15\n\t"                                                                         \
    "subs r3, r3, r4\n\t"                                                                          \
    "strh r3, [r0, #" #a " + 2]\n\t"

#define LOWER_ONE LOWER("r4", 0)
#define UPPER_ONE                                                                                  \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    UPPER(0)

#define LOWER_FOUR(a, b, c, d)                                                                     \
    LOWER("r4", a)                                                                                 \
    LOWER("r5", b)                                                                                 \
    LOWER("r6", c)                                                                                 \
    LOWER("r7", d)                                                                                 \
    "adds r1, #4\n\t"

#define UPPER_FOUR(a, b, c, d)                                                                     \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    UPPER(a)                                                                                       \
    "ldrsb r3, [r1, r5]\n\t"                                                                       \
    UPPER(b)                                                                                       \
    "ldrsb r3, [r1, r6]\n\t"                                                                       \
    UPPER(c)                                                                                       \
    "ldrsb r3, [r1, r7]\n\t"                                                                       \
    UPPER(d)                                                                                       \
    "adds r1, #4\n\t"

/* Both halves: r5 from a byte of the lower half to that of the upper, r6 one more, r7 is 1. */
#define BOTH(a)                                                                                    \
    "lsls r4, r4, #16\n\t"                                                                         \
    "adds r3, r3, r4\n\t"                                                                          \
    "str r3, [r0, #" #a "]\n\t"

#define BOTH_ONE                                                                                   \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    "ldrsb r4, [r1, r5]\n\t"                                                                       \
    BOTH(0)

#define BOTH_TWO(a, b)                                                                             \
    "ldrb r3, [r1]\n\t"                                                                            \
    "sxtb r3, r3\n\t"                                                                              \
    "ldrsb r4, [r1, r5]\n\t"                                                                       \
    BOTH(a)                                                                                        \
    "ldrsb r3, [r1, r7]\n\t"                                                                       \
    "ldrsb r4, [r1, r6]\n\t"                                                                       \
    BOTH(b)                                                                                        \
    "adds r1, #2\n\t"

#define BOTH_FOUR(a, b, c, d) BOTH_TWO(a, b) BOTH_TWO(c, d)

/* Rows: r2 values left in a row; r8 values of a row, r9 rows left, r10 and r11 gaps. */
#define ROWS(ONE, FOUR)                                                                            \
    "1:\n\t"                                                                                       \
    "mov r2, r8\n\t"                                                                               \
    "subs r2, #8\n\t"                                                                              \
    "blt 3f\n\t"                                                                                   \
    "2:\n\t"                                                                                       \
    FOUR(0, 8, 16, 24)                                                                             \
    FOUR(32, 40, 48, 56)                                                                           \
    "adds r0, #64\n\t"                                                                             \
    "subs r2, #8\n\t"                                                                              \
    "bge 2b\n\t"                                                                                   \
    "3:\n\t"                                                                                       \
    "adds r2, #4\n\t"                                                                              \
    "blt 4f\n\t"                                                                                   \
    FOUR(0, 8, 16, 24)                                                                             \
    "adds r0, #32\n\t"                                                                             \
    "subs r2, #4\n\t"                                                                              \
    "4:\n\t"                                                                                       \
    "adds r2, #4\n\t"                                                                              \
    "beq 6f\n\t"                                                                                   \
    "5:\n\t"                                                                                       \
    ONE                                                                                            \
    "adds r0, #8\n\t"                                                                              \
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
 * for 8 of each at once 51; 15 for a row.
 */
__attribute__((naked, noinline)) void ws_muls_widen(WS_UNUSED const ws_muls_patch *patch) {
    __asm__ volatile(
        WS_V6M_ENTER
        "mov r12, r0\n\t"
        "ldmia r0!, {r1-r7}\n\t"
        "mov r8, r3\n\t"
        "mov r9, r4\n\t"
        "mov r10, r5\n\t"
        "mov r11, r6\n\t"
        "mov r3, r7\n\t"
        "mov r0, r1\n\t"
        "mov r1, r2\n\t"
        "movs r4, #0\n\t"
        "movs r5, #1\n\t"
        "movs r6, #2\n\t"
        "movs r7, #3\n\t"
        "cmp r3, #1\n\t"
        "blt 2f\n\t"
        "beq 1f\n\t"
        "b 8f\n\t"
        "1:\n\t"
        "b 7f\n\t"
        "2:\n\t"
        ROWS(LOWER_ONE, LOWER_FOUR)
        "b 9f\n\t");
    __asm__ volatile(
        "7:\n\t"
        ROWS(UPPER_ONE, UPPER_FOUR)
        "b 9f\n\t");
    __asm__ volatile(
        "8:\n\t"
        "mov r3, r12\n\t"
        "ldr r5, [r3, #28]\n\t"
        "adds r6, r5, #1\n\t"
        "movs r7, #1\n\t"
        ROWS(BOTH_ONE, BOTH_FOUR)
        "9:\n\t"
        WS_V6M_LEAVE);
}

/* r0 words, r1 value, r2 words left, r3 the halves: 4 instructions for a lower one, 7 an upper. */
__attribute__((naked, noinline)) void ws_muls_fill(WS_UNUSED int8_t *to, WS_UNUSED int32_t value,
                                                   WS_UNUSED int32_t count,
                                                   WS_UNUSED int32_t halves) {
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r4, lr}\n\t"
        "lsls r2, r2, #3\n\t"
        "beq 3f\n\t"
        "adds r2, r2, r0\n\t"
        "cmp r3, #0\n\t"
        "bne 2f\n\t"
        "1:\n\t"
        "strh r1, [r0]\n\t"
        "adds r0, #8\n\t"
        "cmp r0, r2\n\t"
        "bne 1b\n\t"
        "b 3f\n\t"
        "2:\n\t"
        "ldrh r4, [r0]\n\t"
        "lsrs r4, r4, #15\n\t"
        "subs r3, r1, r4\n\t"
        "strh r3, [r0, #2]\n\t"
        "adds r0, #8\n\t"
        "cmp r0, r2\n\t"
        "bne 2b\n\t"
        "3:\n\t"
        "pop {r4, pc}\n\t");
}

/* clang-format on */

#else

void ws_muls_tile_4(const ws_muls_tile *tile) {
    for (int32_t c = 0; c < tile->count; c++) {
        const ws_muls_channel *channel = &tile->channels[c];
        const int8_t *weights = tile->weights + (channel->place >> 8);
        int32_t sums[WS_LANES];
        for (int32_t i = 0; i < WS_LANES; i++) {
            sums[i] = channel->bias;
        }
        for (const int8_t *x = tile->x; x < tile->end; x += 4 * WS_LANES) {
            for (int32_t i = 0; i < WS_LANES; i += 2) {
                for (int32_t value = 0; value < 2; value++) {
                    const uint32_t word = ws_load32_aligned(x + 2 * (WS_LANES * value + i));
                    const int32_t lower = ws_low16(word);
                    sums[i] += lower * weights[4 * value];
                    sums[i + 1] += ws_high16(word - (uint32_t)lower) * weights[4 * value];
                }
            }
            weights += 16;
        }
        for (int32_t i = WS_LANES - 1; i >= 0; i--) {
            tile->output[c + (i > 0 ? tile->offset[i - 1] : 0)] =
                ws_muls_output(sums[i], channel->multiplier, channel->place & 255, tile->zero,
                               tile->low, tile->high);
        }
    }
}

/* A value into one half of a word. */
static void put(int8_t *word, int32_t value, int32_t halves) {
    if (halves == WS_UPPER) {
        ws_store16(word + 2, value - (ws_low16(ws_load32_aligned(word)) < 0));
    } else {
        ws_store16(word, value);
    }
}

void ws_muls_widen(const ws_muls_patch *patch) {
    int8_t *to = patch->to;
    const int8_t *from = patch->from;
    for (int32_t row = 0; row < patch->rows; row++) {
        for (int32_t i = 0; i < patch->count; i++) {
            put(to, *from, patch->halves);
            if (patch->halves == WS_BOTH) {
                put(to, from[patch->apart], WS_UPPER);
            }
            from++;
            to += 2 * WS_LANES;
        }
        to += patch->to_gap;
        from += patch->from_gap;
    }
}

void ws_muls_fill(int8_t *to, int32_t value, int32_t count, int32_t halves) {
    for (int32_t i = 0; i < count; i++) {
        put(to + 2 * WS_LANES * i, value, halves);
    }
}

#endif
