/*
 * The inner loops of CONV_2D on the DSP instructions with weights of 4 bits, which are decoded in
 * registers, once for four positions; else as dsp_dot_4x2.c. A byte holds the weights of two
 * channels for one value, neighbouring values' are a word: 16 a + b as an int8 (_s4), or an index
 * into a's table in the high half and one into b's in the low half (_lut4).
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_dots.h"
#include "ws_layout.h"
#include "ws_nibbles.h"

#if WS_HAS_ASM
WS_FIELD_AT(ws_tile_4bit, weights, 36);
WS_FIELD_AT(ws_tile_4bit, table_step, 48);
#endif

/* An instruction per line: */
/* clang-format off */

#define END                                                                                        \
    "ldr r2, [sp, #32]\n\t"                                                                        \
    "subs r2, #1\n\t"                                                                              \
    "str r2, [sp, #32]\n\t"                                                                        \
    "bne 1b\n\t"                                                                                   \
    "add sp, #52\n\t"                                                                              \
    "pop {r4-r11, pc}\n\t"

#if WS_HAS_DSP

#define BEGIN                                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "sub sp, #52\n\t"                                                                              \
    "ldmia r0!, {r3-r11}\n\t"                                                                      \
    "stmia sp, {r3-r11}\n\t"                                                                       \
    "ldmia r0, {r3-r6}\n\t"                                                                        \
    "add r2, sp, #36\n\t"                                                                          \
    "stmia r2, {r3-r6}\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp]\n\t"                                                                             \
    WS_ZERO_SUMS                                                                                   \
    "2:\n\t"                                                                                       \
    "ldr r1, [sp, #36]\n\t"                                                                        \
    "ldr r3, [r1], #4\n\t"                                                                         \
    "str r1, [sp, #36]\n\t"

#define END_OF_VALUES                                                                              \
    "ldr r2, [sp, #4]\n\t"                                                                         \
    "cmp r0, r2\n\t"                                                                               \
    "bne 2b\n\t"

/*
 * A byte, extended, serves for 16 A + B; its low half, moved up, for 16 B.
 *
 * r1 pair of bytes, r2 pair of 16 b, r3 the word; the rest as WS_MACS_4X2 says. On the stack the
 * tile, at 36 the weights. 31 instructions for 32 multiplications, and 3 for the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4_s4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "and r2, r3, #0x0f0f0f0f\n\t"
        "lsl r2, r2, #4\n\t"
        "sxtb16 r2, r2\n\t"
        "sxtb16 r1, r3\n\t"
        WS_MACS_4X2("r2", "r1")
        "and r2, r3, #0x0f0f0f0f\n\t"
        "lsl r2, r2, #4\n\t"
        "sxtb16 r2, r2, ror #8\n\t"
        "sxtb16 r1, r3, ror #8\n\t"
        WS_MACS_4X2("r2", "r1")
        END_OF_VALUES
        /* B, 16 A */
        "asr r5, r5, #4\n\t"
        "asr r6, r6, #4\n\t"
        "asr r7, r7, #4\n\t"
        "asr r8, r8, #4\n\t"
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        WS_OUTPUTS_4X2("asr #3")
        END);
}

/*
 * r1 table, then pair of a; r2 pair of b; r3 the word; r4 and lr while they hold no values. On the
 * stack the tile, at 36 weights, 40 b's table, 44 a's, 48 bytes from there to those of the next two.
 * 47 instructions for 32 multiplications, and 3 for the loop.
 */
__attribute__((naked, noinline)) void ws_tile_4_lut4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr r1, [sp, #40]\n\t"
        "ubfx r2, r3, #0, #4\n\t"
        "ldrsb r2, [r1, r2]\n\t"
        "ubfx r4, r3, #16, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "pkhbt r2, r2, r4, lsl #16\n\t"
        "ldr r1, [sp, #44]\n\t"
        "ubfx r4, r3, #4, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "ubfx lr, r3, #20, #4\n\t"
        "ldrsb lr, [r1, lr]\n\t"
        "pkhbt r1, r4, lr, lsl #16\n\t"
        WS_MACS_4X2("r2", "r1")
        "ldr r1, [sp, #40]\n\t"
        "ubfx r2, r3, #8, #4\n\t"
        "ldrsb r2, [r1, r2]\n\t"
        "ubfx r4, r3, #24, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "pkhbt r2, r2, r4, lsl #16\n\t"
        "ldr r1, [sp, #44]\n\t"
        "ubfx r4, r3, #12, #4\n\t"
        "ldrsb r4, [r1, r4]\n\t"
        "ubfx lr, r3, #28, #4\n\t"
        "ldrsb lr, [r1, lr]\n\t"
        "pkhbt r1, r4, lr, lsl #16\n\t"
        WS_MACS_4X2("r2", "r1")
        END_OF_VALUES
        /* the next two tables */
        "ldr r2, [sp, #48]\n\t"
        "ldrd r0, r1, [sp, #40]\n\t"
        "add r0, r2\n\t"
        "add r1, r2\n\t"
        "strd r0, r1, [sp, #40]\n\t"
        WS_OUTPUTS_4X2("lsl #1")
        END);
}

#elif WS_HAS_MLA

/* On the stack: 0 x, 4 end, 8 channels, 12 output, 16 offsets, 28 twice, 32 count, 40 a's table. */
#define BEGIN                                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "sub sp, #52\n\t"                                                                              \
    "ldmia r0!, {r3-r11}\n\t"                                                                      \
    "stmia sp, {r3-r11}\n\t"                                                                       \
    "ldmia r0, {r1, r3-r5}\n\t"                                                                    \
    "add r2, sp, #36\n\t"                                                                          \
    "stmia r2, {r3-r5}\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp]\n\t"                                                                             \
    WS_ZERO_SUMS

/*
 * A byte, extended, serves for 16 A + B; its low half, extended, for B.
 *
 * r1 bytes, lr x's end; the rest as WS_VALUE_4X2 says. 14 instructions for 8 multiplications, and 2
 * for the loop in 56.
 */
#define EXTEND(byte)                                                                               \
    "ldrsb r3, " byte "\n\t"                                                                       \
    "sbfx r2, r3, #0, #4\n\t"

__attribute__((naked, noinline)) void ws_tile_4_s4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr lr, [sp, #4]\n\t"
        "2:\n\t"
        EXTEND("[r1, #3]")
        WS_VALUE_4X2("22", "26", "30", "[r0, #18]")
        EXTEND("[r1, #2]")
        WS_VALUE_4X2("6", "10", "14", "[r0, #2]")
        EXTEND("[r1, #1]")
        WS_VALUE_4X2("20", "24", "28", "[r0, #16]")
        EXTEND("[r1], #4")
        WS_VALUE_4X2("4", "8", "12", "[r0], #32")
        "cmp r0, lr\n\t"
        "bne 2b\n\t"
        /* 16 A */
        "sub r9, r5\n\t"
        "sub r10, r6\n\t"
        "sub r11, r7\n\t"
        "sub r12, r8\n\t"
        WS_OUTPUTS_4X2("asr #3")
        END);
}

/*
 * lr b's table; the rest as before. 18 instructions for 8 multiplications, and 3 for the loop in 72.
 */
#define LOOK_UP(byte)                                                                              \
    "ldrb r3, " byte "\n\t"                                                                        \
    "ldr r4, [sp, #40]\n\t"                                                                        \
    "and r2, r3, #15\n\t"                                                                          \
    "lsr r3, r3, #4\n\t"                                                                           \
    "ldrsb r2, [lr, r2]\n\t"                                                                       \
    "ldrsb r3, [r4, r3]\n\t"

__attribute__((naked, noinline)) void ws_tile_4_lut4(WS_UNUSED const ws_tile_4bit *tile) {
    __asm__ volatile(
        BEGIN
        "ldr lr, [sp, #36]\n\t"
        "2:\n\t"
        LOOK_UP("[r1, #3]")
        WS_VALUE_4X2("22", "26", "30", "[r0, #18]")
        LOOK_UP("[r1, #2]")
        WS_VALUE_4X2("6", "10", "14", "[r0, #2]")
        LOOK_UP("[r1, #1]")
        WS_VALUE_4X2("20", "24", "28", "[r0, #16]")
        LOOK_UP("[r1], #4")
        WS_VALUE_4X2("4", "8", "12", "[r0], #32")
        "ldr r2, [sp, #4]\n\t"
        "cmp r0, r2\n\t"
        "bne 2b\n\t"
        /* the next two tables */
        "ldr r2, [sp, #44]\n\t"
        "ldr r3, [sp, #40]\n\t"
        "add lr, r2\n\t"
        "add r3, r2\n\t"
        "strd lr, r3, [sp, #36]\n\t"
        WS_OUTPUTS_4X2("lsl #1")
        END);
}

#endif

/* clang-format on */

/* Weight of channel a or b from the byte of both: b's half is less by what it took from a's. */
static WS_INLINE int32_t weight_of(uint8_t byte, const int8_t *table, int a, int lut) {
    if (lut) {
        return table[a ? byte >> 4 : byte & 15];
    }
    const int32_t both = (int8_t)byte;
    const int32_t b = ws_low_weight((int8_t)byte, 0, 0);
    return a ? (both - b) / 16 : b;
}

/* Doubled sums of two channels at four positions; x holds of four values 0, 2 and 1, 3 as pairs. */
static WS_INLINE void sums_of(const int8_t *x, const int8_t *weights, int32_t values,
                              const int8_t *table_b, const int8_t *table_a, int lut,
                              int32_t *doubled) {
    for (int32_t i = 0; i < 8; i++) {
        doubled[i] = 0;
    }
    for (int32_t value = 0; value < values; value++) {
        const int8_t *pairs = x + 16 * (value / 4 * 2 + (value & 1));
        const uint8_t byte = (uint8_t)weights[value];
        for (int32_t i = 0; i < 4; i++) {
            const int32_t twice = 2 * ws_load16(pairs + 4 * i + (value & 2));
            doubled[i] += twice * weight_of(byte, table_b, 0, lut);
            doubled[i + 4] += twice * weight_of(byte, table_a, 1, lut);
        }
    }
}

void ws_sums_s4(const int8_t *x, const int8_t *weights, int32_t values, const int8_t *table_b,
                const int8_t *table_a, int32_t *doubled) {
    sums_of(x, weights, values, table_b, table_a, 0, doubled);
}

void ws_sums_lut4(const int8_t *x, const int8_t *weights, int32_t values, const int8_t *table_b,
                  const int8_t *table_a, int32_t *doubled) {
    sums_of(x, weights, values, table_b, table_a, 1, doubled);
}

#if !WS_HAS_ASM

static void tile(const ws_tile_4bit *t, ws_sums_4bit sums) {
    const int32_t values = (int32_t)(t->end - t->x) / 8;
    for (int32_t i = 0; i < t->count; i++) {
        const int32_t table = i * t->table_step;
        int32_t doubled[8];
        sums(t->x, t->weights + i * values, values, t->table_b + table, t->table_a + table,
             doubled);
        ws_tile_outputs(t->channels + 2 * i, t->twice, doubled, t->output + 2 * i, t->offset);
    }
}

void ws_tile_4_s4(const ws_tile_4bit *t) {
    tile(t, ws_sums_s4);
}

void ws_tile_4_lut4(const ws_tile_4bit *t) {
    tile(t, ws_sums_lut4);
}

#endif
