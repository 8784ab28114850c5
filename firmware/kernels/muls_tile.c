/* The inner loops of CONV_2D on cores with MULS only: four or two positions by all channels. */
#include "ws_muls.h"
#include "ws_muls_asm.h"

#if WS_ARMV6M

/* An instruction per line: */
/* clang-format off */

/* Copies the tile to the stack; `before`: bytes of x that were read when the first weight is. */
#define ENTER(before, bytes_of_pair)                                                               \
    WS_V6M_ENTER                                                                                   \
    "sub sp, #52\n\t"                                                                              \
    "mov r1, sp\n\t"                                                                               \
    "ldmia r0!, {r2-r7}\n\t"                                                                       \
    "stmia r1!, {r2-r7}\n\t"                                                                       \
    "ldmia r0!, {r2-r7}\n\t"                                                                       \
    "stmia r1!, {r2-r7}\n\t"                                                                       \
    "mov r10, r5\n\t"                                                                              \
    "mov r11, r6\n\t"                                                                              \
    "ldr r2, [r0]\n\t"                                                                             \
    "movs r3, #" bytes_of_pair "\n\t"                                                              \
    "muls r2, r3, r2\n\t"                                                                          \
    "subs r2, #2\n\t"                                                                              \
    "str r2, [sp, #48]\n\t"                                                                        \
    "ldr r0, [sp]\n\t"                                                                             \
    "ldr r1, [sp, #8]\n\t"                                                                         \
    "subs r1, r1, r0\n\t"                                                                          \
    "subs r1, #" before "\n\t"                                                                     \
    "str r1, [sp, #8]\n\t"                                                                         \
    "ldr r0, [sp, #4]\n\t"                                                                         \
    "mov r12, r0\n\t"

/* All pairs of one channel: r3 place, then sums of words in r6 and r8, those in r7 and r9 alike. */
#define CHANNEL(PAIR)                                                                              \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp, #12]\n\t"                                                                        \
    "ldmia r0!, {r1, r2, r3}\n\t" /* bias, multiplier, place */                                    \
    "str r0, [sp, #12]\n\t"                                                                        \
    "lsrs r5, r3, #8\n\t"                                                                          \
    "ldr r0, [sp, #8]\n\t"                                                                         \
    "adds r5, r5, r0\n\t"                                                                          \
    "mov r6, r1\n\t"                                                                               \
    "mov r7, r1\n\t"                                                                               \
    "lsls r2, r1, #16\n\t"                                                                         \
    "adds r1, r1, r2\n\t"                                                                          \
    "mov r8, r1\n\t"                                                                               \
    "mov r9, r1\n\t"                                                                               \
    "ldr r4, [sp]\n\t"                                                                             \
    "ldr r0, [sp, #48]\n\t"                                                                        \
    "add pc, r0\n\t" /* -2 is the next instruction */                                              \
    "2:\n\t"                                                                                       \
    ".rept 4\n\t"                                                                                  \
    PAIR                                                                                           \
    ".endr\n\t"                                                                                    \
    "cmp r4, r12\n\t"                                                                              \
    "bne 2b\n\t"

/* The lower halves' sum, of T in `t` and G in `g`. */
#define LOWER_SUM(t, g)                                                                            \
    "lsls r0, " g ", #16\n\t"                                                                      \
    "mov r1, " t "\n\t"                                                                            \
    "subs r1, r1, r0\n\t"                                                                          \
    "mov " t ", r1\n\t"

/* Halves of the multiplier in r4 and r5, zero point in r6; r7, saved in r0, becomes the shift. */
#define SCALE(kept)                                                                                \
    "ldr r0, [sp, #12]\n\t"                                                                        \
    "subs r0, #8\n\t"                                                                              \
    "ldmia r0!, {r2, r3}\n\t"                                                                      \
    "uxth r4, r2\n\t"                                                                              \
    "lsrs r5, r2, #16\n\t"                                                                         \
    "mov r0, " kept "\n\t"                                                                         \
    "ldr r6, [sp, #32]\n\t"                                                                        \
    "uxtb r7, r3\n\t"

#define OUTPUT WS_V6M_OUTPUT("r0", "r1", "r2", "r3", "r4", "r5", "r7", "r6")

#define STORE(offset)                                                                              \
    OUTPUT                                                                                         \
    "ldr r1, [sp, #16]\n\t"                                                                        \
    "ldr r2, [sp, #" offset "]\n\t"                                                                \
    "strb r0, [r1, r2]\n\t"

/* The first position, the last that is written; then the next channel. */
#define STORE_FIRST                                                                                \
    OUTPUT                                                                                         \
    "ldr r1, [sp, #16]\n\t"                                                                        \
    "strb r0, [r1]\n\t"                                                                            \
    "adds r1, #1\n\t"                                                                              \
    "str r1, [sp, #16]\n\t"                                                                        \
    "ldr r0, [sp, #44]\n\t"                                                                        \
    "subs r0, #1\n\t"                                                                              \
    "str r0, [sp, #44]\n\t"                                                                        \
    "beq 3f\n\t"                                                                                   \
    "b 1b\n\t"                                                                                     \
    "3:\n\t"                                                                                       \
    "add sp, #52\n\t"                                                                              \
    WS_V6M_LEAVE

/*
 * Two values of four positions by one channel: r4 x, r5 from there to the weights; r0 to r2 words
 * of x, then products; r3 weight; r8 and r9 the sums T of both words, r6 and r7 their G
 * (ws_kernels_muls.h). Weights are read where x has moved on by 8 and by 12 bytes of 16, which is
 * how they are laid out; so no register counts but x itself.
 *
 * 17 instructions of 34 bytes for 8 multiplications: 2.1 each.
 */
#define PAIR_OF_FOUR                                                                               \
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

/*
 * On the stack the tile, its weights relative to x, `skip` as bytes of code that are jumped over.
 * r10 and r11 bounds of the output, r12 end of x.
 *
 * After the loop sums of position 0 in r8, 1 in lr, 2 in r9, 3 in r0. Position 3 is written first,
 * because those that are not wanted must not be last. 27 instructions for each output, 38 around
 * them.
 */
__attribute__((naked, noinline)) void ws_muls_tile_4(WS_UNUSED const ws_muls_tile *tile) {
    __asm__ volatile(
        ENTER("8", "34")
        CHANNEL(PAIR_OF_FOUR)
        LOWER_SUM("r8", "r6")
        LOWER_SUM("r9", "r7")
        "mov lr, r6\n\t"
        SCALE("r7")
        STORE("28")
        "mov r0, r9\n\t"
        STORE("24")
        "mov r0, lr\n\t"
        STORE("20")
        "mov r0, r8\n\t"
        STORE_FIRST);
}

/*
 * The same of two positions, a word of x per value. A pair takes 8 bytes of x and still 16 of
 * weights, so that r5 moves on, too.
 *
 * 11 instructions of 22 bytes for 4 multiplications: 2.75 each.
 */
#define PAIR_OF_TWO                                                                                \
    "ldrsb r2, [r5, r4]\n\t"                                                                       \
    "ldmia r4!, {r0}\n\t"                                                                          \
    "ldrsb r3, [r5, r4]\n\t"                                                                       \
    "ldmia r4!, {r1}\n\t"                                                                          \
    "adds r5, #8\n\t"                                                                              \
    "muls r0, r2, r0\n\t"                                                                          \
    "muls r1, r3, r1\n\t"                                                                          \
    "adds r0, r0, r1\n\t"                                                                          \
    "add r8, r0\n\t"                                                                               \
    "asrs r0, r0, #16\n\t"                                                                         \
    "adcs r6, r6, r0\n\t"

__attribute__((naked, noinline)) void ws_muls_tile_2(WS_UNUSED const ws_muls_tile *tile) {
    __asm__ volatile(
        ENTER("0", "22")
        CHANNEL(PAIR_OF_TWO)
        LOWER_SUM("r8", "r6")
        SCALE("r6")
        STORE("20")
        "mov r0, r8\n\t"
        STORE_FIRST);
}

/* clang-format on */

#else

/* `lanes` positions, 2 or 4. */
static WS_INLINE void positions(const ws_muls_tile *tile, int32_t lanes) {
    for (int32_t c = 0; c < tile->count; c++) {
        const ws_muls_channel *channel = &tile->channels[c];
        const int8_t *weights = tile->weights + (channel->place >> 8);
        int32_t sums[4];
        for (int32_t i = 0; i < lanes; i++) {
            sums[i] = channel->bias;
        }
        for (const int8_t *x = tile->x; x < tile->end; x += 4 * lanes) {
            for (int32_t i = 0; i < lanes; i += 2) {
                for (int32_t value = 0; value < 2; value++) {
                    const uint32_t word = ws_load32_aligned(x + 2 * (lanes * value + i));
                    const int32_t lower = ws_low16(word);
                    sums[i] += lower * weights[4 * value];
                    sums[i + 1] += ws_high16(word - (uint32_t)lower) * weights[4 * value];
                }
            }
            weights += 16;
        }
        for (int32_t i = lanes - 1; i >= 0; i--) {
            tile->output[c + (i > 0 ? tile->offset[i - 1] : 0)] =
                ws_muls_output(sums[i], channel->multiplier, channel->place & 255, tile->zero,
                               tile->low, tile->high);
        }
    }
}

void ws_muls_tile_4(const ws_muls_tile *tile) {
    positions(tile, 4);
}

void ws_muls_tile_2(const ws_muls_tile *tile) {
    positions(tile, 2);
}

#endif
