/*
 * The inner loop of the depthwise convolution with small filters on Helium, in assembly for the
 * same reasons as mve_tile.c. The plain C below says what it computes.
 */
#include "ws_mve_lines.h"

#include "ws_layout.h"
#include "ws_mve.h"

#if WS_HAS_MVE

WS_FIELD_AT(ws_mve_lines, output, 12);
WS_FIELD_AT(ws_mve_lines, advance, 24);
WS_FIELD_AT(ws_mve_lines, outputs, 28);
WS_FIELD_AT(ws_mve_lines, offsets, 44);

/* An instruction per line: */
/* clang-format off */

/* Four rows of four columns, 16 values, meet the weights of both rows of outputs. */
#define WINDOW(q, from, sum, next_sum)                                                             \
    "vldrw.u32 " q ", " from "\n\t"                                                                \
    "vmladav.s8 " sum ", " q ", q2\n\t"                                                            \
    "vmladav.s8 " next_sum ", " q ", q3\n\t"

#define ADJACENT                                                                                   \
    WINDOW("q1", "[q4, #64]", "r2", "r10")                                                         \
    WINDOW("q0", "[q4, #128]", "r4", "r12")                                                        \
    WINDOW("q1", "[q4, #192]", "r6", "lr")

#define EVERY_SECOND                                                                               \
    WINDOW("q1", "[q4, #128]", "r2", "r10")                                                        \
    WINDOW("q0", "[q4, #256]!", "r4", "r12")                                                       \
    WINDOW("q1", "[q4, #128]", "r6", "lr")

/* What ws_mve_requantize is, of q0 and q1: r2 multiplier, r4 shift, which is left in r4 for VRSHL. */
#define RIGHT                                                                                      \
    "vqrdmulh.s32 q0, q0, r2\n\t"                                                                  \
    "vqrdmulh.s32 q1, q1, r2\n\t"                                                                  \
    "vshr.s32 q2, q0, #31\n\t"                                                                     \
    "vshr.s32 q3, q1, #31\n\t"                                                                     \
    "vadd.i32 q0, q0, q2\n\t"                                                                      \
    "vadd.i32 q1, q1, q3\n\t"

#define ANY                                                                                        \
    "bic r6, r4, r4, asr #31\n\t"                                                                  \
    "vshl.s32 q0, r6\n\t"                                                                          \
    "vshl.s32 q1, r6\n\t"                                                                          \
    "lsrs r6, r4, #31\n\t"                                                                         \
    "vqrdmulh.s32 q0, q0, r2\n\t"                                                                  \
    "vqrdmulh.s32 q1, q1, r2\n\t"                                                                  \
    "vshr.s32 q2, q0, #31\n\t"                                                                     \
    "vshr.s32 q3, q1, #31\n\t"                                                                     \
    "vmla.s32 q0, q2, r6\n\t"                                                                      \
    "vmla.s32 q1, q3, r6\n\t"                                                                      \
    "and r4, r4, r4, asr #31\n\t"

/*
 * A window is gathered as four words, a column apart (64 bytes); q4 their addresses, 256 bytes
 * before the next tile. q2, q3 weights of both rows; r0, r2, r4, r6 sums of four positions in the
 * first row, r8, r10, r12, lr in the second. r1 twice the positions that are left, r3 output, r5
 * constants, r7 weights, r9 zero point, r11 bytes to the next tile; q5 offsets, q6 and q7 bounds.
 * On the stack: the addresses at the channel's begin, output, channels, twice the positions.
 *
 * 40 instructions for 8 outputs with up to 16 taps each, everything included.
 */
#define LINES(windows, scale)                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "vpush {d8-d15}\n\t"                                                                           \
    "sub sp, #28\n\t"                                                                              \
    "vldrh.16 q5, [r0, #44]\n\t"                                                                   \
    "ldrd r2, r4, [r0, #32]\n\t"                                                                   \
    "vdup.16 q6, r2\n\t"                                                                           \
    "vdup.16 q7, r4\n\t"                                                                           \
    "ldrd r11, r9, [r0, #24]\n\t"                                                                  \
    "ldrd r7, r5, [r0, #4]\n\t"                                                                    \
    "ldrd r1, r3, [r0, #16]\n\t"                                                                   \
    "strd r1, r3, [sp, #20]\n\t"                                                                   \
    "ldr r3, [r0, #12]\n\t"                                                                        \
    "str r3, [sp, #16]\n\t"                                                                        \
    "ldr r1, [r0]\n\t"                                                                             \
    "sub r1, r1, #256\n\t"                                                                         \
    "movs r2, #0\n\t"                                                                              \
    "vidup.u32 q4, r2, #8\n\t"                                                                     \
    "vshl.i32 q4, q4, #3\n\t"                                                                      \
    "vadd.i32 q4, q4, r1\n\t"                                                                      \
    "3:\n\t"                                                                                       \
    "vstrw.32 q4, [sp]\n\t"                                                                        \
    "ldr r3, [sp, #16]\n\t"                                                                        \
    "ldr r1, [sp, #24]\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "vldrb.8 q2, [r7]\n\t"                                                                         \
    "vldrb.8 q3, [r7, #16]\n\t"                                                                    \
    WINDOW("q0", "[q4, #256]!", "r0", "r8")                                                        \
    windows                                                                                        \
    "vmov q0[2], q0[0], r0, r4\n\t"                                                                \
    "vmov q0[3], q0[1], r2, r6\n\t"                                                                \
    "vmov q1[2], q1[0], r8, r12\n\t"                                                               \
    "vmov q1[3], q1[1], r10, lr\n\t"                                                               \
    "ldm r5, {r0, r2, r4}\n\t"                                                                     \
    "vadd.i32 q0, q0, r0\n\t"                                                                      \
    "vadd.i32 q1, q1, r0\n\t"                                                                      \
    scale                                                                                          \
    "vrshl.s32 q0, r4\n\t"                                                                         \
    "vrshl.s32 q1, r4\n\t"                                                                         \
    "vqmovnb.s32 q0, q0\n\t"                                                                       \
    "vqmovnt.s32 q0, q1\n\t"                                                                       \
    "vqadd.s16 q0, q0, r9\n\t"                                                                     \
    "vmax.s16 q0, q0, q6\n\t"                                                                      \
    "vmin.s16 q0, q0, q7\n\t"                                                                      \
    "vctp.16 r1\n\t"                                                                               \
    "vpst\n\t"                                                                                     \
    "vstrbt.16 q0, [r3, q5]\n\t"                                                                   \
    "add r3, r11\n\t"                                                                              \
    "subs r1, #8\n\t"                                                                              \
    "bgt 1b\n\t"                                                                                   \
    "vldrw.u32 q4, [sp]\n\t"                                                                       \
    "movs r0, #4\n\t"                                                                              \
    "vadd.i32 q4, q4, r0\n\t"                                                                      \
    "add r7, r7, #32\n\t"                                                                          \
    "add r5, r5, #12\n\t"                                                                          \
    "ldrd r3, r1, [sp, #16]\n\t"                                                                   \
    "adds r3, #1\n\t"                                                                              \
    "subs r1, #1\n\t"                                                                              \
    "strd r3, r1, [sp, #16]\n\t"                                                                   \
    "bne 3b\n\t"                                                                                   \
    "add sp, #28\n\t"                                                                              \
    "vpop {d8-d15}\n\t"                                                                            \
    "pop {r4-r11, pc}\n\t"

__attribute__((naked, noinline)) static void
lines_right(__attribute__((unused)) const ws_mve_lines *lines) {
    __asm__ volatile(LINES(ADJACENT, RIGHT));
}

__attribute__((naked, noinline)) static void
lines_any(__attribute__((unused)) const ws_mve_lines *lines) {
    __asm__ volatile(LINES(ADJACENT, ANY));
}

__attribute__((naked, noinline)) static void
lines_second(__attribute__((unused)) const ws_mve_lines *lines) {
    __asm__ volatile(LINES(EVERY_SECOND, ANY));
}

/* clang-format on */

void ws_mve_two_lines(const ws_mve_lines *lines, int32_t stride) {
    if (stride == 2) {
        lines_second(lines);
    } else if (lines->outputs.any_shift) {
        lines_any(lines);
    } else {
        lines_right(lines);
    }
}

#else

/* One channel at one position: four words of four bytes, a column apart. */
static int32_t window(const int8_t *strip, const int8_t *weights) {
    int32_t sum = 0;
    for (int32_t i = 0; i < WS_MVE_BYTES; i++) {
        sum += strip[i / 4 * WS_MVE_COLUMN + i % 4] * weights[i];
    }
    return sum;
}

void ws_mve_two_lines(const ws_mve_lines *lines, int32_t stride) {
    const ws_mve_outputs *o = &lines->outputs;
    for (int32_t c = 0; c < lines->channels; c++) {
        const int32_t *constants = lines->constants + 3 * c;
        for (int32_t i = 0; i < lines->outputs_twice; i++) {
            const int8_t *strip = lines->strip + i / 2 * stride * WS_MVE_COLUMN + 4 * c;
            const int8_t *weights = lines->weights + (2 * c + i % 2) * WS_MVE_BYTES;
            const int32_t sum = ws_add_wrap(window(strip, weights), constants[0]);
            lines->output[c + i / 8 * lines->advance + lines->offsets[i % 8]] =
                ws_to_s8(sum, constants[1], constants[2], o->output_offset, o->activation_min,
                         o->activation_max);
        }
    }
}

#endif
