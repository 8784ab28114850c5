from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.board import load_board
from firmware.board_flash import FlashSpec
from firmware.build import build
from firmware.content import Content, join
from firmware.errors import FirmwareError
from firmware.formats import read_content, read_elf, read_hex, write_hex
from firmware.uf2 import SECTOR, write_uf2
from tests.firmware.faulty import SOURCE
from tests.firmware.test_uf2 import contents


@given(contents())
def test_hex_reads_back_equal(content: Content) -> None:
    assert read_hex(write_hex(content).encode("ascii")) == content


@given(st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=40)), max_size=6))
def test_join_against_a_dictionary(pieces: list[tuple[int, bytes]]) -> None:
    expected: dict[int, int] = {}
    twice = False
    for address, data in pieces:
        for offset, byte in enumerate(data):
            twice |= address + offset in expected
            expected[address + offset] = byte
    if twice or not expected:
        with pytest.raises(FirmwareError):
            join(pieces)
        return
    content = join(pieces)
    assert {
        at + i: byte for at, data in content.segments for i, byte in enumerate(data)
    } == expected
    ends = [at + len(data) for at, data in content.segments]
    starts = [at for at, _ in content.segments]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
    filled = content.filled(64)
    for at, data in filled.segments:
        assert at % 64 == 0 and len(data) % 64 == 0
        assert all(byte == expected.get(at + i, 0xFF) for i, byte in enumerate(data))
    assert filled.size == 64 * len({at // 64 for at in expected})


def test_four_formats_of_one_build_agree(tmp_path: Path) -> None:
    spec = FlashSpec(method="uf2", family=0x57755A57, drives=("STM32F4",))
    board = dataclasses.replace(load_board("mps2-an386"), flash=spec)
    image = build({"main.c": SOURCE}, board, out_dir=tmp_path, name="x")
    uf2 = tmp_path / "x.uf2"
    elf = read_content(image.elf, base=0)
    assert uf2.read_bytes() == write_uf2(elf, 0x57755A57)
    flat = read_content(image.bin, base=0)
    assert read_content(image.hex, base=0) == elf
    assert read_content(uf2, base=0, family=0x57755A57) == elf.filled(SECTOR)
    assert flat.filled(SECTOR) == elf.filled(SECTOR)
    assert read_content(image.bin, base=0x8000).start == 0x8000 + flat.start
    assert elf.end == flat.end


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.txt", b"", "named .elf, .hex, .bin or .uf2"),
        ("x.hex", b":0000", "must end with the record"),
        ("x.hex", b":00000000FF\n:00000001FF\n", "Intel HEX"),
        ("x.hex", b":0100000001FD\n:00000001FF\n", "Intel HEX"),
        ("x.hex", b":0100000001FE\n:0100000001FE\n:00000001FF\n", "overlap"),
        ("x.hex", b"\xff:00000001FF", "Intel HEX"),
        ("x.hex", b":00000001FF\n", "hold bytes to write"),
        ("x.bin", b"", "hold bytes to write"),
        ("x.elf", b"\x7fELF", "An ELF must"),
        ("x.uf2", b"UF2\n", "whole blocks"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FirmwareError, match=words) as caught:
        read_content(tmp_path / name, base=0)
    assert str(tmp_path / name) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"readable.*none\.bin"):
        read_content(tmp_path / "none.bin", base=0)
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate((32 << 20) + 1)
    with pytest.raises(FirmwareError, match=r"at most 33,554,432 bytes"):
        read_content(tmp_path / "huge.bin", base=0)
    with pytest.raises(FirmwareError, match="below 4 GB"):
        join([(0xFFFFFFFF, b"ab")])


@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_elf_never_surprises(changes: list[tuple[int, int]]) -> None:
    data = bytearray(_elf())
    for at, value in changes:
        # Half of the changes hit the file header and the program headers.
        data[at % (0x80 if at % 2 else len(data))] = value
    try:
        read_elf(bytes(data))
    except FirmwareError as error:
        assert "Received:" in str(error)


@given(contents(), st.lists(st.tuples(st.integers(0), st.sampled_from(b":0F\n\xff")), min_size=1))
def test_damaged_hex_never_surprises(content: Content, changes: list[tuple[int, int]]) -> None:
    """A damaged file is refused in a sentence, or read; nothing else happens."""
    data = bytearray(write_hex(content).encode("ascii"))
    for at, value in changes[:4]:
        data[at % len(data)] = value
    try:
        read_hex(bytes(data))
    except FirmwareError as error:
        assert "Received:" in str(error)


_BUILT: list[bytes] = []


def _elf() -> bytes:
    if not _BUILT:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            board = load_board("mps2-an386")
            image = build({"main.c": SOURCE}, board, out_dir=Path(folder), name="x")
            _BUILT.append(image.elf.read_bytes())
    return _BUILT[0]
