"""Exception entry and return, priorities, masks and sleep: in Unicorn, and the same in QEMU."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from firmware.board import load_board
from firmware.build import build
from firmware.image import Image
from simulate.faults import CortexMFault
from simulate.machine import Machine
from simulate.qemu import QemuBoard
from tests.needs import QEMU

SOURCE = r"""
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_text.h"
#include "ws_vectors.h"

#define ISPR WS_REG32(0xE000E200u)
#define ICER WS_REG32(0xE000E180u)
#define IPR(n) (*(volatile uint8_t *)(uintptr_t)(0xE000E400u + (n)))
#define LOW 20u
#define HIGH 21u
#define EQUAL 22u
#define DEEP 23u

static volatile uint32_t ticks;
static volatile uint32_t zero;
static volatile float half = 0.5f;

static void pend(uint32_t number) {
    ISPR = 1u << number;
    __asm volatile("dsb\n\tisb" ::: "memory");
}

static void low(void) {
    ws_put_text("low(");
    pend(EQUAL); /* waits: it has the same priority */
    pend(HIGH);  /* preempts */
    ws_put_text(")low ");
}

static void high(void) {
    half = half * 3.0f; /* registers of the FPU must be found again by whom this interrupts */
    ws_put_text("high ");
}

static void equal(void) {
    ws_put_text("equal ");
}

void SysTick_Handler(void) {
    ticks++;
}

static void masked(void) {
    __asm volatile("cpsid i" ::: "memory");
    pend(HIGH);
    ws_put_text("masked ");
    __asm volatile("cpsie i\n\tisb" ::: "memory");
    ws_put_text("open ");
    __asm volatile("msr basepri, %0\n\tisb" ::"r"(0x80u) : "memory");
    pend(LOW);
    ws_put_text("basepri ");
    __asm volatile("msr basepri, %0\n\tisb" ::"r"(0u) : "memory");
    ws_put_text("\n");
}

/* Interrupts a loop in the middle of an IT block, of flags and of FPU registers, many times. */
static uint32_t busy(void) {
    uint32_t sum = 0;
    float weight = 1.0f;
    for (uint32_t i = 0; i < 20000u; i++) {
        weight = weight * 0.5f + (float)(i & 3u);
        uint32_t value = i;
        __asm volatile("cmp %0, #4\n\tittee gt\n\taddgt %0, %0, #7\n\taddgt %0, %0, #1\n\t"
                       "addle %0, %0, #2\n\taddle %0, %0, #5"
                       : "+r"(value)::"cc");
        sum = sum * 31u + value + (uint32_t)weight;
    }
    return sum;
}

static void sleep_through(uint32_t count) {
    const uint32_t end = ticks + count;
    while (ticks < end) {
        __asm volatile("cpsid i" ::: "memory");
        if (ticks < end) {
            __asm volatile("wfi" ::: "memory");
        }
        __asm volatile("cpsie i" ::: "memory");
    }
}

static uint32_t deep(uint32_t depth) {
    volatile uint32_t local[32];
    local[0] = depth;
    return depth == zero ? 0 : local[0] + deep(depth - 1u);
}

static void too_deep(void) {
    (void)deep(100000u);
}

int main(void) {
    IPR(LOW) = 0x80;
    IPR(EQUAL) = 0x80;
    IPR(HIGH) = 0x40;
    IPR(DEEP) = 0x00;
    WS_NVIC_ISER(0u) = 1u << LOW | 1u << HIGH | 1u << EQUAL | 1u << DEEP;
    ws_put_text("begin ");
    pend(LOW);
    ws_put_text("back\n");
    masked();
    ICER = 1u << LOW;
    pend(LOW);
    ws_put_text("off ");
    WS_NVIC_ISER(0u) = 1u << LOW;
    __asm volatile("dsb\n\tisb" ::: "memory");
    ws_put_text("on\n");
    const uint32_t calm = busy();
    WS_SYST_RVR = 997u;
    WS_SYST_CVR = 0;
    WS_SYST_CSR = 7u;
    uint32_t same = 1;
    do { /* the clock of QEMU is that of the wall */
        same &= (uint32_t)(busy() == calm);
    } while (ticks < 5u);
    ws_put_unsigned(same);
    WS_SYST_RVR = WS_CLOCK_HZ / 100u - 1u;
    WS_SYST_CVR = 0;
    sleep_through(5);
    ws_put_text(" slept\n");
#ifdef TOO_DEEP
    pend(DEEP);
#endif
    ICER = 0xFFFFFFFFu;
    WS_SYST_CSR = 0;
    for (;;) {
        __asm volatile("wfi");
    }
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [LOW] = low, [HIGH] = high, [EQUAL] = equal, [DEEP] = too_deep};
"""

TEXT = (
    "begin low(high )low equal back\n"
    "masked high open basepri low(high )low equal \n"
    "off low(high )low equal on\n"
    "1 slept\n"
)


def firmware(folder: Path, name: str, compiler: str = "zig", *defines: str) -> Image:
    board = dataclasses.replace(load_board(name), interrupt_count=32)
    return build(
        {"main.c": SOURCE},
        board,
        compiler=compiler,  # type: ignore[arg-type]
        out_dir=folder,
        name="x",
        defines=defines,
    )


def test_priorities_masks_and_sleep(tmp_path: Path) -> None:
    machine = Machine(firmware(tmp_path, "mps2-an386"))
    machine.reset()
    machine.run(patience_ms=200)
    assert machine.text() == TEXT
    # Five ticks of 10 ms were slept through; the rest is work.
    now = machine.clock.now() / machine.clock.hz
    assert 0.05 < now < 0.35


def test_sleep_without_anything_to_come_ends_the_run(tmp_path: Path) -> None:
    machine = Machine(firmware(tmp_path, "mps2-an386"))
    machine.reset()
    machine.run(patience_ms=20)  # 50 ms are slept
    assert machine.text() == TEXT[: TEXT.index(" slept")]
    machine.run(patience_ms=20)
    machine.run(patience_ms=20)
    assert machine.text() == TEXT


@pytest.mark.parametrize("board", [pytest.param("mps2-an386", marks=QEMU)])
def test_the_same_on_qemu(board: str, tmp_path: Path) -> None:
    image = firmware(tmp_path, board)
    with QemuBoard(image) as qemu:
        assert "\n".join(qemu.lines(4)) + "\n" == TEXT


def test_a_handler_that_overflows_the_stack_is_a_fault(tmp_path: Path) -> None:
    machine = Machine(firmware(tmp_path, "mps2-an386", "zig", "TOO_DEEP"))
    machine.reset()
    with pytest.raises(CortexMFault, match="stack overflow") as caught:
        machine.run(patience_ms=200)
    assert "fault stack overflow" in caught.value.report


def test_returning_without_an_exception_is_a_fault(tmp_path: Path) -> None:
    source = r"""
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_vectors.h"
static void wrong(void) { __asm volatile("ldr r0, =0xFFFFFFF1\n\tbx r0"); }
int main(void) {
    WS_NVIC_ISER(0u) = 2u;
    WS_REG32(0xE000E200u) = 2u;
    for (;;) {
        __asm volatile("wfi");
    }
}
WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {[1] = wrong};
"""
    board = dataclasses.replace(load_board("mps2-an386"), interrupt_count=32)
    image = build({"main.c": source}, board, out_dir=tmp_path, name="x")
    machine = Machine(image)
    machine.reset()
    with pytest.raises(CortexMFault, match="EXC_RETURN 0xfffffff"):
        machine.run()
