/*
 * The inner loop of the convolution on Helium, in assembly: 8 sums, 5 pointers and counters and all
 * vectors are in use, which compilers spill. The plain C below says what it computes.
 */
#include "ws_mve_tile.h"

#include "ws_layout.h"
#include "ws_mve.h"

#if WS_HAS_MVE

WS_FIELD_AT(ws_mve_tile, chunks, 16);
WS_FIELD_AT(ws_mve_tile, pairs, 32);
WS_FIELD_AT(ws_mve_tile, offsets, 36);
WS_FIELD_AT(ws_mve_tile, outputs, 52);

/* An instruction per line: */
/* clang-format off */

/*
 * 16 values of two channels at four positions, 128 multiplications: 14 instructions, 0.11 each, and
 * 2 for the loop in 28. VMLADAV adds into even registers only: r0, r2, r4, r6 sums of the first channel,
 * r8, r10, r12, lr of the second; r1, r5, r7, r9 windows, r3 weights; q0, q1 weights, q2, q3 values
 * in turn, so that a load can run beside a multiplication.
 */
#define CHUNK(mla)                                                                                 \
    "vldrb.8 q0, [r3], #16\n\t"                                                                    \
    "vldrb.8 q2, [r1], #16\n\t"                                                                    \
    mla " r0, q0, q2\n\t"                                                                          \
    "vldrb.8 q1, [r3], #16\n\t"                                                                    \
    mla " r8, q1, q2\n\t"                                                                          \
    "vldrb.8 q3, [r5], #16\n\t"                                                                    \
    mla " r2, q0, q3\n\t"                                                                          \
    "vldrb.8 q2, [r7], #16\n\t"                                                                    \
    mla " r10, q1, q3\n\t"                                                                         \
    mla " r4, q0, q2\n\t"                                                                          \
    "vldrb.8 q3, [r9], #16\n\t"                                                                    \
    mla " r12, q1, q2\n\t"                                                                         \
    mla " r6, q0, q3\n\t"                                                                          \
    mla " lr, q1, q3\n\t"

/*
 * On the stack: four windows, chunks, channels, output, pairs. r11 counts chunks; q4 zero point, q5
 * offsets, q6 and q7 bounds. The first chunk begins the sums, the others add to them, by twos; where
 * their number is even, the second one alone.
 *
 * What follows the sums is ws_mve_requantize and ws_mve_narrow (ws_mve.h) with a lane per position:
 * r0, r2, r4 bias, multiplier and shift of the first channel, whose sums are q0, and r6, r8, r10 of
 * the second, q1. Both channels of a position are neighbours in int16 lanes and are stored with its
 * offset. 29 instructions for 8 outputs beside the chunks, and 3 or 4 to find out how many there are.
 */
#define TILE(scale)                                                                                \
    "push {r4-r11, lr}\n\t"                                                                        \
    "vpush {d8-d15}\n\t"                                                                           \
    "vldrh.16 q5, [r0, #36]\n\t"                                                                   \
    "ldrd r2, r3, [r0, #52]\n\t"                                                                   \
    "vdup.16 q4, r2\n\t"                                                                           \
    "vdup.16 q6, r3\n\t"                                                                           \
    "ldr r2, [r0, #60]\n\t"                                                                        \
    "vdup.16 q7, r2\n\t"                                                                           \
    "ldm r0, {r1, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"                                           \
    "mov r3, r8\n\t"                                                                               \
    "push {r1, r4, r5, r6, r7, r9, r10, r11}\n\t"                                                  \
    "3:\n\t"                                                                                       \
    "ldm sp, {r1, r5, r7, r9, r11}\n\t"                                                            \
    CHUNK("vmladav.s8")                                                                            \
    "lsrs r11, r11, #1\n\t"                                                                        \
    "bcs 1f\n\t"                                                                                   \
    CHUNK("vmladava.s8")                                                                           \
    "subs r11, #1\n\t"                                                                             \
    "1:\n\t"                                                                                       \
    "beq 2f\n\t"                                                                                   \
    "4:\n\t"                                                                                       \
    CHUNK("vmladava.s8")                                                                           \
    CHUNK("vmladava.s8")                                                                           \
    "subs r11, #1\n\t"                                                                             \
    "bne 4b\n\t"                                                                                   \
    "2:\n\t"                                                                                       \
    "vmov q0[2], q0[0], r0, r4\n\t"                                                                \
    "vmov q0[3], q0[1], r2, r6\n\t"                                                                \
    "vmov q1[2], q1[0], r8, r12\n\t"                                                               \
    "vmov q1[3], q1[1], r10, lr\n\t"                                                               \
    "ldr r1, [sp, #20]\n\t"                                                                        \
    "ldm r1!, {r0, r2, r4, r6, r8, r10}\n\t"                                                       \
    "str r1, [sp, #20]\n\t"                                                                        \
    "vadd.i32 q0, q0, r0\n\t"                                                                      \
    "vadd.i32 q1, q1, r6\n\t"                                                                      \
    scale                                                                                          \
    "vrshl.s32 q0, r4\n\t"                                                                         \
    "vrshl.s32 q1, r10\n\t"                                                                        \
    "vqmovnb.s32 q0, q0\n\t"                                                                       \
    "vqmovnt.s32 q0, q1\n\t"                                                                       \
    "vqadd.s16 q0, q0, q4\n\t"                                                                     \
    "vmax.s16 q0, q0, q6\n\t"                                                                      \
    "vmin.s16 q0, q0, q7\n\t"                                                                      \
    "ldrd r5, r7, [sp, #24]\n\t"                                                                   \
    "vstrb.16 q0, [r5, q5]\n\t"                                                                    \
    "adds r5, #2\n\t"                                                                              \
    "subs r7, #1\n\t"                                                                              \
    "strd r5, r7, [sp, #24]\n\t"                                                                   \
    "bne 3b\n\t"                                                                                   \
    "add sp, #32\n\t"                                                                              \
    "vpop {d8-d15}\n\t"                                                                            \
    "pop {r4-r11, pc}\n\t"

/* All shifts are to the right. */
__attribute__((naked, noinline)) static void
tile_right(__attribute__((unused)) const ws_mve_tile *tile) {
    __asm__ volatile(TILE(
        "vqrdmulh.s32 q0, q0, r2\n\t"
        "vqrdmulh.s32 q1, q1, r8\n\t"
        "vshr.s32 q2, q0, #31\n\t"
        "vshr.s32 q3, q1, #31\n\t"
        "vadd.i32 q0, q0, q2\n\t"
        "vadd.i32 q1, q1, q3\n\t"));
}

/* Any shifts: a left one comes before the multiplication, and only a right one has ties to mend. */
__attribute__((naked, noinline)) static void
tile_any(__attribute__((unused)) const ws_mve_tile *tile) {
    __asm__ volatile(TILE(
        "bic r0, r4, r4, asr #31\n\t"
        "bic r6, r10, r10, asr #31\n\t"
        "vshl.s32 q0, r0\n\t"
        "vshl.s32 q1, r6\n\t"
        "lsrs r0, r4, #31\n\t"
        "lsr r6, r10, #31\n\t"
        "vqrdmulh.s32 q0, q0, r2\n\t"
        "vqrdmulh.s32 q1, q1, r8\n\t"
        "vshr.s32 q2, q0, #31\n\t"
        "vshr.s32 q3, q1, #31\n\t"
        "vmla.s32 q0, q2, r0\n\t"
        "vmla.s32 q1, q3, r6\n\t"
        "and r4, r4, r4, asr #31\n\t"
        "and r10, r10, r10, asr #31\n\t"));
}

/* clang-format on */

void ws_mve_tile_4x2(const ws_mve_tile *tile) {
    if (tile->outputs.any_shift) {
        tile_any(tile);
    } else {
        tile_right(tile);
    }
}

#else

static int32_t dot(const int8_t *x, const int8_t *weights, int32_t chunks) {
    int32_t sum = 0;
    for (int32_t chunk = 0; chunk < chunks; chunk++) {
        for (int32_t i = 0; i < WS_MVE_BYTES; i++) {
            sum += x[i] * weights[i];
        }
        x += WS_MVE_BYTES;
        weights += 2 * WS_MVE_BYTES;
    }
    return sum;
}

void ws_mve_tile_4x2(const ws_mve_tile *tile) {
    const ws_mve_outputs *o = &tile->outputs;
    const int8_t *weights = tile->weights;
    for (int32_t c = 0; c < 2 * tile->pairs; c++) {
        const ws_mve_channel *channel = &tile->channels[c];
        for (int32_t i = 0; i < WS_MVE_POSITIONS; i++) {
            const int32_t sum = dot(tile->x[i], weights, tile->chunks);
            tile->output[c / 2 * 2 + tile->offsets[2 * i + c % 2]] =
                ws_to_s8(ws_add_wrap(sum, channel->bias), channel->multiplier, channel->shift,
                         o->output_offset, o->activation_min, o->activation_max);
        }
        weights += c % 2 == 0 ? WS_MVE_BYTES : (2 * tile->chunks - 1) * WS_MVE_BYTES;
    }
}

#endif
