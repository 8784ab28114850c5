from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from firmware.board import BOARDS_DIR, load_board, read_board
from firmware.build import Compiler, build
from firmware.errors import FirmwareError
from firmware.image import Image
from tests.needs import COMPILERS

TABLE = r"""
#include "ws_vectors.h"
#include "ws_board.h"
static void third(void) { ws_board_put('3'); }
void SysTick_Handler(void) { ws_board_put('t'); }
WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {[3] = third};
int main(void) {
    for (;;) {
    }
}
"""
NONE = "int main(void) { for (;;) { } }"


def words(image: Image, count: int) -> list[int]:
    data = image.bin.read_bytes()
    return [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(count)]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_boards_interrupts_follow_the_cores(compiler: Compiler, tmp_path: Path) -> None:
    board = dataclasses.replace(load_board("mps2-an386"), interrupt_count=5)
    image = build({"main.c": TABLE}, board, compiler=compiler, out_dir=tmp_path, name="x")
    table = words(image, 21)
    assert image.symbol("ws_interrupts").address == board.flash_origin + 64
    assert table[16:19] == [0, 0, 0] and table[20] == 0
    assert table[19] == image.symbol("third").address | 1
    assert table[15] == image.symbol("SysTick_Handler").address | 1


@pytest.mark.parametrize("compiler", COMPILERS)
def test_without_a_handler_an_exception_is_a_fault(compiler: Compiler, tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    image = build({"main.c": NONE}, board, compiler=compiler, out_dir=tmp_path, name="x")
    table = words(image, 16)
    fault = table[3]
    assert {table[i] for i in (2, 4, 5, 6, 7, 11, 12, 14)} == {fault}
    assert fault not in (table[1], table[15])  # start-up, and the clock of board_defaults.c


def test_board_file_gives_the_count(tmp_path: Path) -> None:
    text = (BOARDS_DIR / "mps2-an386" / "board.toml").read_text().partition("[vectors]")[0]
    file = tmp_path / "board.toml"
    file.write_text(text)
    assert read_board(tmp_path).interrupt_count == 0
    file.write_text(text + "\n[vectors]\ncount = 32\n")
    assert read_board(tmp_path).interrupt_count == 32
    file.write_text(text + "\n[vectors]\ncount = '32'\n")
    with pytest.raises(FirmwareError, match=r"vectors\.count as int"):
        read_board(tmp_path)
