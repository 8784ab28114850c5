from __future__ import annotations

from pathlib import Path

import pytest

from firmware.board import BOARDS_DIR, list_boards, load_board, read_board
from firmware.board_flash import FlashSpec, Identity
from firmware.errors import FirmwareError

PICO = """
[flash]
method = "uf2"
family = 0xe48bff56
drives = ["RPI-RP2"]
target = "rp2040"
openocd = ["interface/cmsis-dap.cfg", "target/rp2040.cfg"]
base = 0x100
identity = { address = 0x4000_0000, mask = 0x0fff_ffff, value = 0x0000_2927 }
"""


def folder(tmp_path: Path, flash: str) -> Path:
    text = (BOARDS_DIR / "mps2-an386" / "board.toml").read_text(encoding="utf-8")
    without = text.split("[flash]")[0]
    (tmp_path / "board.toml").write_text(without + flash, encoding="utf-8")
    return tmp_path


def test_table_is_read(tmp_path: Path) -> None:
    spec = read_board(folder(tmp_path, PICO)).flash
    assert spec == FlashSpec(
        method="uf2",
        target="rp2040",
        openocd=("interface/cmsis-dap.cfg", "target/rp2040.cfg"),
        family=0xE48BFF56,
        drives=("RPI-RP2",),
        base=0x100,
        identity=Identity(0x40000000, 0x0FFFFFFF, 0x2927),
    )
    assert spec.methods() == ("uf2", "pyocd", "openocd")


def test_without_a_table_nothing_is_flashed(tmp_path: Path) -> None:
    board = read_board(folder(tmp_path, ""))
    assert board.flash == FlashSpec(base=board.flash_origin)
    assert board.flash.methods() == ()


def test_every_board_is_consistent() -> None:
    for name in list_boards():
        board = load_board(name)
        assert board.flash_origin <= board.flash.base < board.flash_origin + board.flash_size


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("method", "mehtod", "only method, .* Received: 'mehtod'"),
        ('"uf2"', '"uf3"', "one of pyocd, uf2, openocd, none"),
        ("0xe48bff56", "-1", "flash.family as 32 bits"),
        ("0xe48bff56", "true", "flash.family as 32 bits"),
        ("family = 0xe48bff56", "", "family and flash.drives for the method uf2"),
        ('["RPI-RP2"]', '"RPI-RP2"', "flash.drives as a list of texts"),
        ('"rp2040"', "2040", "flash.target as text"),
        ("mask", "musk", "flash.identity as a table of address, mask, value"),
        ("0x0fff_ffff", "'all'", "flash.identity.mask as 32 bits"),
    ],
)
def test_mistakes_in_the_table(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in PICO
    with pytest.raises(FirmwareError, match=words):
        read_board(folder(tmp_path, PICO.replace(old, new, 1)))
