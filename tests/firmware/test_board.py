from __future__ import annotations

from pathlib import Path

import pytest

from firmware.board import BOARDS_DIR, list_boards, load_board, read_board
from firmware.errors import FirmwareError


def test_every_board_loads() -> None:
    assert "mps2-an386" in list_boards()
    for name in list_boards():
        board = load_board(name)
        assert board.name == name
        code = "".join(path.read_text() for path in board.sources().values())
        assert "void ws_board_init(void)" in code and "void ws_board_put(" in code


def test_mps2_an386() -> None:
    board = load_board("mps2-an386")
    assert (board.flash_origin, board.flash_size) == (0, 4 << 20)
    assert (board.ram_origin, board.ram_size) == (0x20000000, 4 << 20)
    assert board.console_uart == 0x40004000
    assert board.clock_hz == 25_000_000


@pytest.mark.parametrize("name", ["mps2-an368", "mps2", "", "../boards/mps2-an386"])
def test_unknown_board_names_near_ones(name: str) -> None:
    with pytest.raises(FirmwareError, match=r"A board must be one that exists\..*mps2-an386"):
        load_board(name)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("clock_hz = 25_000_000", "", "clock_hz"),
        ('core = "cortex-m4f"', 'core = "cortex-m9"', "cortex-m4f"),
        ("stack_size = 0x1000", "stack_size = 0x1001", "multiple of 8"),
        ("stack_size = 0x1000", 'stack_size = "4k"', "memory.stack_size as int"),
        ("[memory]", "[memory", "TOML"),
        ('["mps"]', '["msp"]', "drivers as a list"),
        ('["mps"]', '"mps"', "drivers as a list"),
        ("timeout_ms = 8000", "", "watchdog"),
        ("timeout_ms = 8000", "timeout_ms = 8_000_000", "2\\^32 - 1 ticks"),
    ],
)
def test_damaged_board_file(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = (BOARDS_DIR / "mps2-an386" / "board.toml").read_text()
    assert old in text
    (tmp_path / "board.toml").write_text(text.replace(old, new))
    with pytest.raises(FirmwareError, match=words):
        read_board(tmp_path)
    with pytest.raises(FirmwareError, match="readable"):
        read_board(tmp_path / "nowhere")
