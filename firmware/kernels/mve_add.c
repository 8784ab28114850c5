/* ADD, int8, on Helium, four values at a time, where both inputs have the output's shape. */
#include "ws_mve.h"
#include "ws_two_inputs.h"

#if WS_HAS_MVE

/* How a vector is rescaled, all lanes alike; see ws_mve_requantize. */
typedef struct {
    int32_t left;
    int32_t multiplier;
    int32_t mend; /* 1 where there is a right shift, whose ties are mended */
    int32_t right;
} scale;

static scale scale_of(int32_t left, int32_t multiplier, int32_t shift) {
    const scale s = {left + (shift > 0 ? shift : 0), multiplier, shift < 0, shift < 0 ? shift : 0};
    return s;
}

static WS_INLINE int32x4_t rescaled(int32x4_t x, const scale *s) {
    const int32x4_t scaled = vqrdmulhq_n_s32(vshlq_r_s32(x, s->left), s->multiplier);
    return vrshlq_n_s32(vmlaq_n_s32(scaled, vshrq_n_s32(scaled, 31), s->mend), s->right);
}

/* About 30 instructions for four values. */
static void sums(const ws_add_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                 int32_t count) {
    const scale first = scale_of(p->left_shift, p->multiplier1, p->shift1);
    const scale second = scale_of(p->left_shift, p->multiplier2, p->shift2);
    const scale last = scale_of(0, p->output_multiplier, p->output_shift);
    const int32x4_t low = vdupq_n_s32(p->activation_min), high = vdupq_n_s32(p->activation_max);
    for (int32_t left = count; left > 0; left -= 4) {
        const mve_pred16_t there = vctp32q((uint32_t)left);
        const int32x4_t x = rescaled(vaddq_n_s32(vldrbq_z_s32(a, there), p->offset1), &first);
        const int32x4_t y = rescaled(vaddq_n_s32(vldrbq_z_s32(b, there), p->offset2), &second);
        /* Rescaled sums are far from the ends of int32: nothing saturates, as in ws_to_s8. */
        const int32x4_t sum = vqaddq_n_s32(rescaled(vaddq_s32(x, y), &last), p->output_offset);
        vstrbq_p_s32(output, vminq_s32(vmaxq_s32(sum, low), high), there);
        a += 4;
        b += 4;
        output += 4;
    }
}

#else

static void sums(const ws_add_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                 int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = ws_sum_of(p, a[i], b[i]);
    }
}

#endif

void ws_add_mve(const ws_add_params *p, const int8_t *input1, const int8_t *input2,
                int8_t *output) {
    sums(p, input1, input2, output, p->shape[0] * p->shape[1] * p->shape[2] * p->shape[3]);
}
