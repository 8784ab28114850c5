"""The STM32L4R5's driver against models of its peripherals: clocks, console, watchdog, commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.board import load_board
from firmware.image import Image
from simulate.devices.device import DeviceError
from simulate.devices.stm32l4 import Stm32L4Gpio
from simulate.protocol import BoardError
from simulate.recognizer import Recognizer
from tests.board_clips import application, check_answers
from tests.needs import COMPILERS
from tests.simulate.test_boards import machine_of, number

BOARD = "nucleo-l4r5zi"


@pytest.fixture(scope="module", params=COMPILERS)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return application(load_board(BOARD), request.param, tmp_path_factory.mktemp("nucleo"))


def test_info_selftest_and_an_injected_clip(image: Image) -> None:
    check_answers(image, BOARD)


def test_there_is_no_microphone(image: Image) -> None:
    with pytest.raises(BoardError, match="must find a microphone"):
        Recognizer(image).board.ask("listen")


@pytest.mark.fault
def test_watchdog_ends_an_endless_loop(tmp_path: Path) -> None:
    machine = machine_of(BOARD, tmp_path)
    machine.console.feed(b"a")
    machine.run_for(100)
    machine.console.feed(b"x")
    machine.run_for(9000)
    assert machine.resets == ["the watchdog was not fed"]
    assert machine.text() == "hello\nahello\n"


def test_the_led(tmp_path: Path) -> None:
    machine = machine_of(BOARD, tmp_path)
    gpio = next(part for _, part in machine.chip.parts if isinstance(part, Stm32L4Gpio))
    assert gpio.is_output(1, 7) and gpio.levels[1] == 0
    machine.call("ws_board_led", 1)
    assert gpio.levels[1] == 1 << 7
    machine.call("ws_board_led", 0)
    assert gpio.levels[1] == 0


def without(setting: str) -> str:
    """A program that undoes one setting and then speaks."""
    return f"""
#include "ws_board.h"
#include "ws_cortexm.h"
int main(void) {{
    {setting};
    ws_board_put('x');
    for (;;) {{
    }}
}}
"""


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("WS_REG32(0x40007004u) = 0", r"have VDDIO2 declared valid \(PWR_CR2, IOSV\)"),
        ("WS_REG32(0x40021008u) = 8u << 4 | 3u", r"have PCLK1 at 120 MHz"),
        ("WS_REG32(0x48001824u) = 7u", "be connected to PG7 and PG8"),
        ("WS_REG32(0x4002105Cu) = 0; WS_REG32(0x40008028u) = 1u", "must have its clock"),
    ],
)
def test_the_model_refuses_what_the_manual_forbids(
    setting: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DeviceError, match=words):
        machine_of(BOARD, tmp_path, source=without(setting))


def test_cycles_count_at_the_clock_s_speed(tmp_path: Path) -> None:
    """Also when the cycle counter stands still in sleep, as the chip's may."""
    source = r"""
#include "ws_board.h"
#include "ws_cortexm.h"
volatile uint32_t stopped;
volatile uint32_t before;
volatile uint32_t after;
int main(void) {
    ws_clock_tick(1);
    WS_REG32(0xE0001000u) = 0; /* no cycles are counted from here on */
    before = ws_board_cycles();
    for (uint32_t turn = 0; turn < 8u; turn++) { /* each until the SysTick wraps */
        __asm volatile("cpsid i" ::: "memory");
        ws_board_sleep();
        __asm volatile("cpsie i" ::: "memory");
    }
    after = ws_board_cycles();
    stopped = 1;
    for (;;) {
    }
}
"""
    machine = machine_of(BOARD, tmp_path, source=source)
    machine.run_for(1500)
    assert number(machine, "stopped") == 1
    slept = (number(machine, "after") - number(machine, "before")) & 0xFFFFFFFF
    # The first sleep ends the boot. What runs between two sleeps is not counted, here.
    assert 7 * (2**24 - 1000) < slept <= 8 * 2**24
