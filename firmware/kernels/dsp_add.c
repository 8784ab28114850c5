/*
 * ADD of two tensors of the same shape, int8, on the DSP instructions.
 *
 * TFLite Micro rescales both inputs by their scale over twice the larger one, so that one of them
 * is halved: x * 2^20 / 2, which nothing rounds. What is left are two rescales per value.
 */
#include "ws_dsp_asm.h"
#include "ws_dsp_outputs.h"
#include "ws_layout.h"

/* What is added, and the numbers of both rescales. */
typedef struct {
    const int8_t *scaled;
    const int8_t *halved;
    int8_t *output;
    int32_t fours;
    int32_t first;
    int32_t multiplier;
    int32_t rounding;
    int32_t shift;
    int32_t bias;
    int32_t output_multiplier;
    int32_t output_rounding;
    int32_t output_shift;
} add_job;

#if WS_HAS_DSP

WS_FIELD_AT(add_job, fours, 12);
WS_FIELD_AT(add_job, output_shift, 44);

/* An instruction per line: */
/* clang-format off */

/* The other input, rescaled to units of 2^-20 of twice the larger scale. 5 instructions. */
#define SCALED(x)                                                                                  \
    "ldrsb " x ", [r0], #1\n\t"                                                                    \
    "add " x ", r4, " x ", lsl #21\n\t"                                                            \
    "add r12, r6, " x ", asr #31\n\t"                                                              \
    "smmlar " x ", " x ", r5, r12\n\t"                                                             \
    "asr " x ", r7\n\t"

/* The halved input added, the sum to int8. 8 instructions. */
#define SUM(x)                                                                                     \
    "ldrsb lr, [r1], #1\n\t"                                                                       \
    "add " x ", " x ", lr, lsl #19\n\t"                                                            \
    "add " x ", r4, " x ", lsl #1\n\t"                                                             \
    "add r12, r6, " x ", asr #31\n\t"                                                              \
    "smmlar " x ", " x ", r5, r12\n\t"                                                             \
    "asr " x ", r7\n\t"                                                                            \
    "ssat " x ", #8, " x "\n\t"                                                                    \
    "strb " x ", [r2], #1\n\t"

/*
 * r0 scaled, r1 halved, r2 output, r3 fours left, r8-r11 values; r4 what is added, r5 multiplier, r6
 * rounding, r7 shift of either rescale. WS_RESCALE says why the sign is taken before SMMLAR. The four
 * scaled values are read before an output is written, and of the halved ones each right before its
 * own: the output may be where either is. 57 instructions for 4 values.
 */
static __attribute__((naked, noinline)) void add_fours(WS_UNUSED const add_job *job) {
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, #36\n\t"
        "mov r12, r0\n\t"
        "ldmia r12!, {r0-r3}\n\t"
        "ldmia r12, {r4-r11}\n\t"
        "stmia sp, {r4-r11}\n\t"
        "1:\n\t"
        "ldmia sp, {r4-r7}\n\t"
        SCALED("r8")
        SCALED("r9")
        SCALED("r10")
        SCALED("r11")
        "ldrd r4, r5, [sp, #16]\n\t"
        "ldrd r6, r7, [sp, #24]\n\t"
        SUM("r8")
        SUM("r9")
        SUM("r10")
        SUM("r11")
        "subs r3, #1\n\t"
        "bne 1b\n\t"
        "add sp, #36\n\t"
        "pop {r4-r11, pc}\n\t");
}

/* clang-format on */

#endif

static void add_values(const add_job *job, int32_t begin, int32_t end) {
    for (int32_t i = begin; i < end; i++) {
        const int32_t scaled = ws_rescale_32(job->first + job->scaled[i] * (1 << 21),
                                             job->multiplier, job->rounding, job->shift);
        const int32_t sum = 2 * (scaled + job->halved[i] * (1 << 19)) + job->bias;
        job->output[i] = (int8_t)ws_saturate8(
            ws_rescale_32(sum, job->output_multiplier, job->output_rounding, job->output_shift));
    }
}

void ws_add_dsp(const ws_add_dsp_params *p, const int8_t *scaled, const int8_t *halved,
                int8_t *output) {
    const ws_rescale *r = p->outputs.channels;
    const add_job job = {
        .scaled = scaled,
        .halved = halved,
        .output = output,
        .fours = p->count / 4,
        .first = p->first,
        .multiplier = p->multiplier,
        .rounding = p->shift > 0 ? 1 << (p->shift - 1) : 0,
        .shift = p->shift,
        .bias = r->bias,
        .output_multiplier = r->multiplier,
        .output_rounding = ws_rounding(p->outputs.output_offset, r->shift),
        .output_shift = r->shift,
    };
    int32_t done = 0;
#if WS_HAS_DSP
    if (job.fours > 0) {
        add_fours(&job);
        done = 4 * job.fours;
    }
#endif
    add_values(&job, done, p->count);
    ws_bound(&p->outputs, output, p->count);
}
