/* The inner loop of DEPTHWISE_CONV_2D on cores with MULS only: one channel. */
#include "ws_layout.h"
#include "ws_memory.h"
#include "ws_muls.h"
#include "ws_muls_asm.h"

#if WS_ARMV6M

WS_FIELD_AT(ws_muls_plane, output, 28);
WS_FIELD_AT(ws_muls_plane, high, 68);

/* An instruction per line: */
/* clang-format off */

/* r0 plane, r1 value, r2 weights, r3 weight, r4 sum. 4 instructions of 8 bytes. */
#define TAP(i)                                                                                     \
    "ldrb r1, [r0, #" #i "]\n\t"                                                                   \
    "ldmia r2!, {r3}\n\t"                                                                          \
    "muls r1, r3, r1\n\t"                                                                          \
    "adds r4, r4, r1\n\t"

/*
 * On the stack the plane's job: 0 plane (of the next output, less what is skipped of a row), 4
 * weights, 8 their end, 12 bytes of code of the taps that a row does not have, 16 pitch, 20 step,
 * 24 advance, 28 output, 32 and 36 its step and advance, 40 columns, 44 lines, 48 bias, 52
 * multiplier, 56 shift, 60 zero point, 64 and 68 bounds; at 72 columns left. r5 and r6 halves of
 * the multiplier, r7 shift, r8 pitch, r9 end of weights, r10 and r11 bounds, r12 code to jump over,
 * lr output.
 *
 * 4 instructions for each multiplication, 4 for a row of taps and 40 to 42 for an output.
 */
__attribute__((naked, noinline)) void ws_muls_lines(WS_UNUSED const ws_muls_plane *plane) {
    __asm__ volatile(
        WS_V6M_ENTER
        "sub sp, #76\n\t"
        "mov r1, sp\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "ldmia r0!, {r2-r7}\n\t"
        "stmia r1!, {r2-r7}\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r1, [sp, #12]\n\t"
        "movs r2, #16\n\t"
        "subs r1, r2, r1\n\t" /* taps that are skipped */
        "subs r0, r0, r1\n\t"
        "str r0, [sp]\n\t"
        "lsls r1, r1, #3\n\t"
        "subs r1, #2\n\t"
        "mov r12, r1\n\t"
        "ldr r0, [sp, #8]\n\t"
        "mov r9, r0\n\t"
        "ldr r0, [sp, #16]\n\t"
        "mov r8, r0\n\t"
        "ldr r0, [sp, #28]\n\t"
        "mov lr, r0\n\t"
        "ldr r0, [sp, #52]\n\t"
        "uxth r5, r0\n\t"
        "lsrs r6, r0, #16\n\t"
        "ldr r7, [sp, #56]\n\t"
        "1:\n\t"
        "ldr r0, [sp, #40]\n\t"
        "2:\n\t"
        "str r0, [sp, #72]\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r2, [sp, #4]\n\t"
        "ldr r4, [sp, #48]\n\t"
        "3:\n\t"
        "add pc, r12\n\t" /* -2 is the next instruction */
        TAP(0)
        TAP(1)
        TAP(2)
        TAP(3)
        TAP(4)
        TAP(5)
        TAP(6)
        TAP(7)
        TAP(8)
        TAP(9)
        TAP(10)
        TAP(11)
        TAP(12)
        TAP(13)
        TAP(14)
        TAP(15)
        "add r0, r8\n\t"
        "cmp r2, r9\n\t"
        "bne 3b\n\t"
        "ldr r0, [sp, #60]\n\t"
        WS_V6M_OUTPUT("r4", "r1", "r2", "r3", "r5", "r6", "r7", "r0")
        "mov r1, lr\n\t"
        "strb r4, [r1]\n\t"
        "ldr r2, [sp, #32]\n\t"
        "add lr, r2\n\t"
        "ldr r0, [sp]\n\t"
        "ldr r1, [sp, #20]\n\t"
        "adds r0, r0, r1\n\t"
        "str r0, [sp]\n\t"
        "ldr r0, [sp, #72]\n\t"
        "subs r0, #1\n\t"
        "beq 4f\n\t"
        "b 2b\n\t"
        "4:\n\t" /* the next line */
        "ldr r0, [sp]\n\t"
        "ldr r1, [sp, #24]\n\t"
        "adds r0, r0, r1\n\t"
        "str r0, [sp]\n\t"
        "ldr r0, [sp, #36]\n\t"
        "add lr, r0\n\t"
        "ldr r0, [sp, #44]\n\t"
        "subs r0, #1\n\t"
        "str r0, [sp, #44]\n\t"
        "beq 5f\n\t"
        "b 1b\n\t"
        "5:\n\t"
        "add sp, #76\n\t"
        WS_V6M_LEAVE);
}

/* clang-format on */

#else

void ws_muls_lines(const ws_muls_plane *plane) {
    const uint8_t *from = plane->plane;
    int8_t *output = plane->output;
    for (int32_t y = 0; y < plane->lines; y++) {
        for (int32_t x = 0; x < plane->columns; x++) {
            const uint8_t *row = from;
            int32_t sum = plane->bias;
            for (const int8_t *weights = plane->weights; weights != plane->end;) {
                for (int32_t i = 0; i < plane->taps; i++) {
                    sum += row[i] * (int32_t)ws_load32_aligned(weights);
                    weights += 4;
                }
                row += plane->pitch;
            }
            *output = ws_muls_output(sum, plane->multiplier, plane->shift, plane->zero, plane->low,
                                     plane->high);
            output += plane->output_step;
            from += plane->step;
        }
        output += plane->output_advance;
        from += plane->advance;
    }
}

#endif
