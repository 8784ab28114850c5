/*
 * SVDF behind its projection, which a kernel of FULLY_CONNECTED has computed: memories move on,
 * take their newest values (plus a zero point, to 8 bits without saturation, as TFLite has it), and
 * are weighted and added up.
 */
#include "ws_kernels_dsp.h"
#include "ws_rows.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)

#include "ws_mve.h"

/* All memories in one go, 16 bytes in 3 instructions; then eight newest values in 5. */
static void move_on(const ws_svdf_memory_params *p, const int8_t *newest, int8_t *state) {
    const int32_t filters = p->batches * p->units * p->rank;
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)p->memory);
    ws_mve_copy(state, state + 1, filters * p->memory - 1); /* what is read is ahead */
    state += p->memory - 1;
    for (int32_t i = 0; i < filters; i += WS_MVE_EIGHT) {
        const mve_pred16_t some = vctp16q((uint32_t)(filters - i));
        const int16x8_t values = vldrbq_z_s16(newest + i, some);
        const int16x8_t kept = vaddq_n_s16(values, (int16_t)p->state_offset);
        vstrbq_scatter_offset_p_s16(state + i * p->memory, places, kept, some);
    }
}

/* The sum of one unit. */
static WS_INLINE int32_t remembered(int8_t *state, const int8_t *weights, int32_t rank,
                                    int32_t memory, const int8_t *newest, int32_t zero) {
    (void)newest; /* in its place already */
    (void)zero;
    return ws_one_row(state, weights, rank * memory);
}

#else

static void move_on(const ws_svdf_memory_params *p, const int8_t *newest, int8_t *state) {
    (void)p; /* each filter moves on when its turn comes */
    (void)newest;
    (void)state;
}

/* Sum of four values of a word by four weights. */
static WS_INLINE int32_t four(uint32_t word, const int8_t *weights, int32_t sum) {
#if WS_HAS_DSP
    const uint32_t w = ws_load32_aligned(weights);
    sum = ws_dot_pair(ws_even_bytes(word), ws_even_bytes(w), sum);
    return ws_dot_pair(ws_odd_bytes(word), ws_odd_bytes(w), sum);
#else
    sum += (int8_t)(uint8_t)word * weights[0];
    sum += (int8_t)(uint8_t)(word >> 8) * weights[1];
    sum += (int8_t)(uint8_t)(word >> 16) * weights[2];
    return sum + (int8_t)(uint8_t)(word >> 24) * weights[3];
#endif
}

/*
 * One filter: its memory moves on by a byte while it is in registers. A word takes 4 instructions
 * (load, shift, ORR with a shift, store), and its four products 8 (a load, four SXTB16, two SMLAD
 * and the address), without DSP instructions 16.
 */
static WS_INLINE int32_t by_words(int8_t *memory, const int8_t *weights, int32_t count,
                                  uint32_t newest, int32_t sum) {
    uint32_t word = ws_load32_aligned(memory);
    for (const int8_t *last = memory + count - 4; memory < last; memory += 4) {
        const uint32_t next = ws_load32_aligned(memory + 4), moved = word >> 8 | next << 24;
        ws_store32(memory, moved);
        sum = four(moved, weights, sum);
        word = next;
        weights += 4;
    }
    word = word >> 8 | newest << 24;
    ws_store32(memory, word);
    return four(word, weights, sum);
}

static int32_t by_bytes(int8_t *memory, const int8_t *weights, int32_t count, uint32_t newest,
                        int32_t sum) {
    for (int32_t i = 0; i < count; i++) {
        const int8_t value = i + 1 < count ? memory[i + 1] : (int8_t)(uint8_t)newest;
        memory[i] = value;
        sum += value * weights[i];
    }
    return sum;
}

static WS_NOINLINE int32_t by_filters(int8_t *state, const int8_t *weights, int32_t rank,
                                      int32_t memory, const int8_t *newest, int32_t zero) {
    int32_t sum = 0;
    for (; rank > 0; rank--) {
        const uint32_t value = (uint32_t)(*newest++ + zero);
        sum = memory % 4 == 0 ? by_words(state, weights, memory, value, sum)
                              : by_bytes(state, weights, memory, value, sum);
        weights += memory;
        state += memory;
    }
    return sum;
}

/* The sum of one unit, whose filters move on. */
static WS_INLINE int32_t remembered(int8_t *state, const int8_t *weights, int32_t rank,
                                    int32_t memory, const int8_t *newest, int32_t zero) {
    return rank == 1 && memory % 4 == 0
               ? by_words(state, weights, memory, (uint32_t)(*newest + zero), 0)
               : by_filters(state, weights, rank, memory, newest, zero);
}

#endif

/* What is the same for all units is in local variables: the compiler cannot know that no output is
 * written over it. */
void ws_svdf_memory(const ws_svdf_memory_params *p, const int8_t *newest, int8_t *state,
                    int8_t *output) {
    const int32_t rank = p->rank, memory = p->memory, offset = p->output_offset;
    const int32_t zero = p->state_offset;
    const ws_rescale *const last = p->channels + p->units;
    move_on(p, newest, state);
    for (int32_t batch = p->batches; batch > 0; batch--) {
        const int8_t *weights = p->weights;
        for (const ws_rescale *r = last - p->units; r < last; r++) {
            const int32_t sum = remembered(state, weights, rank, memory, newest, zero);
            newest += rank;
            weights += rank * memory;
            state += rank * memory;
            *output++ = (int8_t)ws_rescale_s8(r, r->bias + 2 * sum, ws_rounding(offset, r->shift));
        }
    }
}
