"""A small program for boards: says hello, echoes the console, and misbehaves when told."""

from __future__ import annotations

SOURCE = r"""
#include <string.h>
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_text.h"

volatile uint32_t zero;
static uint32_t milliseconds;
uint32_t fault_me(uint32_t kind);
uint32_t dig(uint32_t depth);
uint32_t sum_of_squares(uint32_t count);
uint32_t counted_loop(uint32_t count);
uint32_t counted_it_block(uint32_t value);

WS_ENTRY(dig) uint32_t dig(uint32_t depth) {
    volatile uint32_t local[16];
    local[0] = depth;
    return depth == zero ? 1u : dig(depth - 1u) + local[0];
}

WS_ENTRY(fault_me) uint32_t fault_me(uint32_t kind) {
    switch (kind) {
    case 1:
        return *(volatile uint32_t *)(0x50000000u + zero);
    case 2:
        *(volatile uint32_t *)(0x60000010u + zero) = 1;
        return 0;
    case 3:
        return 5u / zero;
    case 4:
        __asm volatile("udf #1");
        return 0;
    case 5:
        ((uint32_t(*)(void))(uintptr_t)(0x30000001u + zero))();
        return 0;
    case 6:
        ((uint32_t(*)(void))(uintptr_t)(0x100u + zero))();
        return 0;
    case 7:
        return dig(100000);
    case 8:
        *(volatile uint32_t *)(0x40u + zero) = 1; /* flash: QEMU's boards allow it */
        return 0;
    case 9:
        for (;;) {
        }
    default:
        return kind + 5u / (zero + 2u);
    }
}

WS_ENTRY(sum_of_squares) uint32_t sum_of_squares(uint32_t count) {
    volatile uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += i * i;
        if ((sum & 3u) == 0) {
            sum += count / (i + 1u);
        }
    }
    return sum;
}

/* 1 + 3 * count + 2 instructions; the loop head is told apart from the entry. */
#define UNUSED __attribute__((unused))
__attribute__((naked)) WS_ENTRY(counted_loop) uint32_t counted_loop(uint32_t count UNUSED) {
    __asm volatile(".syntax unified\n\t" /* GCC reads Armv6-M in the older syntax */
                   "movs r1, #0\n"
                   "1: adds r1, r1, r0\n\t"
                   "subs r0, r0, #1\n\t"
                   "bne 1b\n\t"
                   "mov r0, r1\n\t"
                   "bx lr");
}

#if __ARM_ARCH >= 7
/* Always 5, whichever of the two moves has a false condition. */
__attribute__((naked)) WS_ENTRY(counted_it_block) uint32_t counted_it_block(
    uint32_t value UNUSED) {
    __asm volatile("cmp r0, #5\n\t"
                   "ite gt\n\t"
                   "movgt r0, #1\n\t"
                   "movle r0, #0\n\t"
                   "bx lr");
}
#endif

int main(void) {
    ws_put_text("hello\n");
#ifdef FAULT
    (void)fault_me(FAULT);
#endif
    for (;;) {
        const int32_t byte = ws_board_get();
        if (byte >= 0) {
            ws_board_put((uint8_t)byte);
        }
        if (ws_board_millisecond() && ++milliseconds == 50) {
            ws_put_text("tick\n");
        }
        ws_board_sleep();
    }
}
"""
