/*
 * Calls the assembly loops of the DSP kernels with known values in the registers that a function
 * must keep (AAPCS: r4-r11), and stores what they hold afterwards. A stack pointer that is not kept
 * ends in a fault.
 */
#include "ws_board.h"
#include "ws_dsp_dots.h"
#include "ws_dsp_taps.h"
#include "ws_text.h"

#define PAIRS 6
#define VALUES 12

typedef void (*any_function)(void);

any_function ws_target;
uint32_t ws_kept[8];

__attribute__((naked, noinline)) static void call(__attribute__((unused)) const void *a,
                                                  __attribute__((unused)) const void *b,
                                                  __attribute__((unused)) int32_t c,
                                                  __attribute__((unused)) void *d) {
    __asm__ volatile("push {r3-r11, lr}\n\t"
                     "movw r12, #:lower16:ws_target\n\t"
                     "movt r12, #:upper16:ws_target\n\t"
                     "ldr r12, [r12]\n\t"
                     "mov r4, #104\n\t"
                     "mov r5, #105\n\t"
                     "mov r6, #106\n\t"
                     "mov r7, #107\n\t"
                     "mov r8, #108\n\t"
                     "mov r9, #109\n\t"
                     "mov r10, #110\n\t"
                     "mov r11, #111\n\t"
                     "blx r12\n\t"
                     "movw r12, #:lower16:ws_kept\n\t"
                     "movt r12, #:upper16:ws_kept\n\t"
                     "stmia r12, {r4-r11}\n\t"
                     "pop {r3-r11, pc}\n\t");
}

static _Alignas(8) int8_t values[1024];
static _Alignas(8) int16_t weights[1024];
static _Alignas(8) int8_t results[1024];
static ws_rescale channels[8] = {{1, 1 << 30, 1}, {1, 1 << 30, 1}, {1, 1 << 30, 1},
                                 {1, 1 << 30, 1}, {1, 1 << 30, 1}, {1, 1 << 30, 1},
                                 {1, 1 << 30, 1}, {1, 1 << 30, 1}};

/* Calls one of the loops; returns 0 where there are no more. */
int32_t ws_try(int32_t number) {
    const ws_tile tile = {
        .weights = weights,
        .pairs = PAIRS,
        .x = values,
        .end = values + 16 * PAIRS,
        .channels = channels,
        .output = results,
        .offset = {8, 16, 24},
        .count = 4,
    };
    const ws_tile_4bit tile_4bit = {
        .x = values,
        .end = values + 16 * PAIRS,
        .channels = channels,
        .output = results,
        .offset = {8, 16, 24},
        .count = 4,
        .weights = (const int8_t *)weights,
        .table_b = values,
        .table_a = values + 16,
        .table_step = 32,
    };
    const ws_widening widening = {
        .from = {values, values + 4, values + 8, values + 12},
        .words = 2,
        .rows = 3,
        .advance = 8,
    };
    const ws_plane_3x3 lines = {
        .plane = values,
        .output = results,
        .pitch = 16,
        .step = 2,
        .advance = 10,
        .pairs = 2,
        .single = 1,
        .lines = 3,
        .rescale = channels[0],
    };
    _Alignas(8) int8_t places[3 * sizeof(const int8_t *)];
    const ws_quads_job quads = {
        .weights = weights,
        .places = places,
        .end = places + sizeof places,
        .channels = channels,
        .output = results,
        .quads = 2,
    };
    const ws_units units = {
        .weights = weights,
        .x = values,
        .values = VALUES,
        .channels = channels,
        .output = results,
        .count = 1,
    };
#if WS_HAS_MLA
    const ws_four four = {
        .weights = values,
        .taps = 3,
        .rows = 2,
        .skip = 10,
        .from = {2, 4, 6},
        .to = {1, 2, 3},
        .rescale = channels[0],
    };
#endif
    const struct {
        any_function function;
        const void *a, *b;
        int32_t c;
        void *d;
    } tries[] = {
        {(any_function)ws_dot_4x2, values, weights, PAIRS, results},
        {(any_function)ws_dot_1x8, values, weights, VALUES, results},
        {(any_function)ws_tile_4, &tile, 0, 0, 0},
        {(any_function)ws_tile_4_s4, &tile_4bit, 0, 0, 0},
        {(any_function)ws_tile_4_lut4, &tile_4bit, 0, 0, 0},
        {(any_function)ws_widen_4, results, &widening, 0, 0},
        {(any_function)ws_lines_3x3, &lines, 0, 0, 0},
        {(any_function)ws_quads, &quads, 0, 0, 0},
        {(any_function)ws_units_8, &units, 0, 0, 0},
#if WS_HAS_MLA
        {(any_function)ws_four_outputs, &four, values, (int32_t)(uintptr_t)results, 0},
#endif
    };
    for (int32_t i = 0; i < 3; i++) {
        ws_set_place(places + i * (int32_t)sizeof(const int8_t *), values + 8 * i);
    }
    if (number >= (int32_t)(sizeof tries / sizeof tries[0])) {
        return 0;
    }
    ws_target = tries[number].function;
    call(tries[number].a, tries[number].b, tries[number].c, tries[number].d);
    return 1;
}

int main(void) {
    ws_put_text("ready\n");
    for (;;) {
        (void)ws_board_get();
        ws_board_sleep();
    }
}
