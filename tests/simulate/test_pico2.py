"""The RP2350 where it differs from the RP2040: image definition, pads, ticks, PSM, commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.board import load_board
from firmware.image import Image
from simulate.devices.device import DeviceError
from simulate.devices.rp2040 import RpSio
from simulate.devices.rp2350 import start
from simulate.machine import Machine
from tests.board_clips import application, check_answers
from tests.needs import COMPILERS
from tests.simulate.test_boards import machine_of

BOARD = "raspberry-pi-pico2"
FLASH = 0x1000_0000


@pytest.fixture(scope="module", params=COMPILERS)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return application(load_board(BOARD), request.param, tmp_path_factory.mktemp("pico2"))


def test_info_selftest_and_an_injected_clip(image: Image) -> None:
    check_answers(image, BOARD)


def test_the_boot_rom_wants_an_image_definition(image: Image) -> None:
    machine = Machine(image)
    where = machine.elf.symbols["ws_image_def"]
    assert where % 4 == 0 and where + 20 <= FLASH + 4096
    words = machine.view(where, 20).view("<u4")
    good = words.copy()
    stack, entry = start(machine.view)
    assert stack == machine.elf.symbols["__stack_top"]
    assert entry & ~1 == machine.elf.symbols["Reset_Handler"] & ~1
    for index, value, message in (
        (0, 0, "must hold an image definition"),
        (1, 0x1011_0142, "an executable for Arm, Secure"),
        (2, 0x0000_02FF, "must end with its size"),
        (3, 4, "a loop of one"),
        (4, 0, "and the end"),
    ):
        words[index] = value
        with pytest.raises(DeviceError, match=message):
            machine.boot()
        words[:] = good
    assert "ready" in machine.boot()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("WS_REG32(0x40038004u) |= 1u << 8; ws_board_put('x')", "pads that are not isolated"),
        ("WS_REG32(0x40038008u) &= ~(1u << 6); ws_board_put('x')", "pads that are not isolated"),
        ("WS_REG32(0x40108030u) = 0; ws_board_watch()", "must have its tick of 1 us"),
        ("WS_REG32(0x4001003Cu) = 0x41u", "must be on clk_ref while AUXSRC changes"),
        ("WS_REG32(0x4010801Cu) = 6u", "must be off when CYCLES changes"),
        ("WS_REG32(0x40022000u) = 1u << 26; ws_board_put('x')", "UART0 must be taken out of reset"),
        (
            "ws_board_watch(); WS_REG32(0x40018008u) = 0; WS_REG32(0x400D8004u) = 1u",
            "must reset all but the oscillators",
        ),
    ],
)
def test_the_model_refuses_what_the_manual_forbids(
    statement: str, words: str, tmp_path: Path
) -> None:
    source = f"""
#include "ws_board.h"
#include "ws_cortexm.h"
int main(void) {{
    {statement};
    for (;;) {{
    }}
}}
"""
    with pytest.raises(DeviceError, match=words):
        machine_of(BOARD, tmp_path, source=source)


def test_the_led(tmp_path: Path) -> None:
    machine = machine_of(BOARD, tmp_path)
    sio = next(part for _, part in machine.chip.parts if isinstance(part, RpSio))
    assert sio.directions == 1 << 25 and sio.levels == 0
    machine.call("ws_board_led", 1)
    assert sio.levels == 1 << 25
    machine.call("ws_board_led", 0)
    assert sio.levels == 0
