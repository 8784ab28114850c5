/*
 * ADD, int8, on Helium, four values at a time, where both inputs have the output's shape.
 *
 * TFLite Micro rescales both inputs by their scale over twice the larger one, so that one of them
 * is halved: x * 2^20 / 2, which nothing rounds. What is left are two rescales per value.
 */
#include "ws_layout.h"
#include "ws_mve.h"
#include "ws_two_inputs.h"

#if WS_HAS_MVE

#define LEFT 20 /* what inputs are shifted by */
#define HALF (1 << (LEFT - 1))

/* What is added, and the numbers of both rescales; shifts are to the right where negative. */
typedef struct {
    const int8_t *scaled;
    const int8_t *halved;
    int8_t *output;
    int32_t count;
    int32_t first; /* the scaled input's offset, shifted */
    int32_t multiplier;
    int32_t shift;
    int32_t half;
    int32_t bias; /* the halved input's offset, shifted and halved */
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_offset;
    int32_t low;
    int32_t high;
} add_job;

WS_FIELD_AT(add_job, output_offset, 44);
WS_FIELD_AT(add_job, low, 48);
WS_FIELD_AT(add_job, high, 52);

/* An instruction per line: */
/* clang-format off */

/*
 * r0 to r11 the job up to output_offset; q0 sums, q1 what is added to them, q2 and q3 bounds. 19
 * instructions for four values. Rescales are ws_mve_requantize with shifts to the right. Each four
 * values are read before they are written: the output may be where either input is.
 */
static __attribute__((naked, noinline)) void add_values(__attribute__((unused)) const add_job *job) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldrd r2, r3, [r0, #48]\n\t"
        "vdup.32 q2, r2\n\t"
        "vdup.32 q3, r3\n\t"
        "mov r12, r0\n\t"
        "ldm r12, {r0-r11}\n\t"
        "wlstp.32 lr, r3, 2f\n\t"
        "1:\n\t"
        "vldrb.s32 q0, [r0], #4\n\t"
        "vshl.i32 q0, q0, #20\n\t"
        "vadd.i32 q0, q0, r4\n\t"
        "vqrdmulh.s32 q0, q0, r5\n\t"
        "vshr.s32 q1, q0, #31\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        "vrshl.s32 q0, r6\n\t"
        "vldrb.s32 q1, [r1], #4\n\t"
        "vmla.s32 q0, q1, r7\n\t"
        "vadd.i32 q0, q0, r8\n\t"
        "vqrdmulh.s32 q0, q0, r9\n\t"
        "vshr.s32 q1, q0, #31\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        "vrshl.s32 q0, r10\n\t"
        "vadd.i32 q0, q0, r11\n\t"
        "vmax.s32 q0, q0, q2\n\t"
        "vmin.s32 q0, q0, q3\n\t"
        "vstrb.32 q0, [r2], #4\n\t"
        "letp lr, 1b\n\t"
        "2:\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

static int is_halved(int32_t multiplier, int32_t shift) {
    return multiplier == 1 << 30 && shift == 0;
}

/* Returns 0, and does nothing, where no input is halved or a shift is not to the right. */
static int in_vectors(const ws_add_params *p, const int8_t *input1, const int8_t *input2,
                      int8_t *output, int32_t count) {
    const int first = is_halved(p->multiplier1, p->shift1);
    const int second = is_halved(p->multiplier2, p->shift2);
    add_job job = {
        .scaled = second ? input1 : input2,
        .halved = second ? input2 : input1,
        .output = output,
        .count = count,
        .first = (second ? p->offset1 : p->offset2) * (1 << LEFT),
        .multiplier = second ? p->multiplier1 : p->multiplier2,
        .shift = second ? p->shift1 : p->shift2,
        .half = HALF,
        .bias = (second ? p->offset2 : p->offset1) * HALF,
        .output_multiplier = p->output_multiplier,
        .output_shift = p->output_shift,
        .output_offset = p->output_offset,
        .low = p->activation_min,
        .high = p->activation_max,
    };
    if (first && second) { /* nothing is to be rounded, and what is positive is not mended */
        job.first = 128 * (1 << LEFT);
        job.bias += (p->offset1 - 128) * HALF;
    } else if (!(first || second) || job.shift >= 0) {
        return 0;
    }
    if (p->left_shift != LEFT || p->output_shift >= 0) {
        return 0;
    }
    add_values(&job);
    return 1;
}

#else

static int in_vectors(const ws_add_params *p, const int8_t *input1, const int8_t *input2,
                      int8_t *output, int32_t count) {
    (void)p;
    (void)input1;
    (void)input2;
    (void)output;
    (void)count;
    return 0;
}

#endif

void ws_add_mve(const ws_add_params *p, const int8_t *input1, const int8_t *input2,
                int8_t *output) {
    const int32_t count = p->shape[0] * p->shape[1] * p->shape[2] * p->shape[3];
    if (!in_vectors(p, input1, input2, output, count)) {
        for (int32_t i = 0; i < count; i++) {
            output[i] = ws_sum_of(p, input1[i], input2[i]);
        }
    }
}
