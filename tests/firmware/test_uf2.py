from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.content import Content, join
from firmware.errors import FirmwareError
from firmware.uf2 import BLOCK, SECTOR, Uf2, family_name, read_uf2, write_uf2

RP2040 = 0xE48BFF56
NRF = 0xADA52840


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """A few separate pieces in 64 kB, at any alignment."""
    cuts = sorted(draw(st.sets(st.integers(0, 1 << 16), min_size=2, max_size=8)))
    pairs = list(pairwise(cuts))[::2]
    return join(
        (0x10000000 + begin, draw(st.binary(min_size=1, max_size=min(end - begin, 700))))
        for begin, end in pairs
    )


def test_a_block_is_what_the_format_says() -> None:
    data = write_uf2(join([(0x10000000, bytes(range(256)))]), RP2040)
    first = data[:BLOCK]
    assert len(data) == SECTOR // 256 * BLOCK
    assert first[:4] == b"UF2\n" and first[4:8] == bytes.fromhex("57515d9e")
    assert struct.unpack("<6I", first[8:32]) == (0x2000, 0x10000000, 256, 0, 16, RP2040)
    assert first[32:288] == bytes(range(256)) and not any(first[288:508])
    assert first[508:] == bytes.fromhex("306fb10a")
    assert data[BLOCK + 32 : BLOCK + 288] == b"\xff" * 256


@given(contents())
def test_reads_back_equal(content: Content) -> None:
    filled = content.filled(SECTOR)
    assert read_uf2(write_uf2(content, RP2040)) == Uf2(RP2040, filled)
    assert read_uf2(write_uf2(content, RP2040), RP2040).content == filled
    for address, data in content.segments:
        at, whole = next(s for s in filled.segments if s[0] <= address < s[0] + len(s[1]))
        assert whole[address - at :][: len(data)] == data


@given(contents(), st.randoms(use_true_random=False))
def test_order_does_not_matter(content: Content, random: object) -> None:
    data = write_uf2(content, NRF)
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    random.shuffle(blocks)  # type: ignore[attr-defined]
    assert read_uf2(b"".join(blocks)).content == content.filled(SECTOR)


def test_two_families_in_one_file() -> None:
    ours, other = join([(0, b"ours")]), join([(0, b"other's!")])
    data = write_uf2(other, NRF) + write_uf2(ours, RP2040)
    assert read_uf2(data, RP2040).content.segments[0][1][:4] == b"ours"
    with pytest.raises(FirmwareError, match=r"one family\. Received: .*nRF52840.*RP2040"):
        read_uf2(data)


def test_file_without_a_family_fits_all() -> None:
    data = write_uf2(join([(0, b"older")]), 0)
    assert read_uf2(data) == read_uf2(data, RP2040)
    assert read_uf2(data).family == 0


def test_comments_are_numbered_and_not_flashed() -> None:
    data = bytearray(write_uf2(join([(0, bytes(16))]), RP2040))
    struct.pack_into("<I", data, 15 * BLOCK + 8, 0x2001)
    assert read_uf2(bytes(data)).content.size == 15 * 256


def patched(offset: int, word: int, block: int = 2) -> Callable[[bytes], bytes]:
    def patch(data: bytes) -> bytes:
        changed = bytearray(data)
        struct.pack_into("<I", changed, block * BLOCK + offset, word)
        return bytes(changed)

    return patch


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (patched(0, 0x0A324654), "magic numbers. Received: others in block 2"),
        (patched(4, 0), "magic numbers"),
        (patched(508, 0), "magic numbers"),
        (patched(8, 0x3000), "file container in block 2"),
        (patched(16, 477), "4 to 476 bytes"),
        (patched(16, 0), "4 to 476 bytes"),
        (patched(16, 6), "multiples of 4"),
        (patched(12, 0x10000002), "multiple of 4"),
        (patched(12, 0x10000100), "once. Received: 0x10000100"),
        (patched(12, 0xFFFFFFFC), "below 4 GB"),
        (patched(20, 1), "block 1 2 times"),
        (patched(20, 99), "all of its blocks. Received: 16 of 16"),
        (patched(24, 17), "agree on their number. Received: 16, 17"),
        (patched(28, NRF), "one family"),
        (lambda data: data[:-1], "whole blocks"),
        (lambda data: data[:-BLOCK], "Received: 15 of 16"),
        (lambda data: data + data[:BLOCK], "block 0 2 times"),
        (lambda data: b"", "whole blocks"),
    ],
)
def test_damage_is_named(damage: Callable[[bytes], bytes], words: str) -> None:
    data = write_uf2(join([(0x10000000, bytes(300))]), RP2040)
    with pytest.raises(FirmwareError, match=words):
        read_uf2(damage(data))


def test_wrong_family_is_named() -> None:
    data = write_uf2(join([(0, bytes(4))]), NRF)
    with pytest.raises(FirmwareError, match=r"0xe48bff56 \(RP2040\)\. Received: 0xada52840 \(nRF"):
        read_uf2(data, RP2040)
    assert family_name(0x12345678) == "0x12345678"


def test_only_comments() -> None:
    data = bytearray(write_uf2(join([(0, bytes(4))]), NRF)[:BLOCK])
    struct.pack_into("<I", data, 8, 0x2001)
    with pytest.raises(FirmwareError, match="blocks for the main flash"):
        read_uf2(bytes(data))


@given(
    contents(),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_bytes_never_surprise(content: Content, changes: list[tuple[int, int]]) -> None:
    """A damaged file is refused in a sentence, or says what its payload says; nothing else."""
    data = bytearray(write_uf2(content, RP2040))
    touched = set()
    for at, value in changes:
        at %= len(data)
        touched.add(at // BLOCK)
        data[at] = value
    try:
        read = read_uf2(bytes(data), RP2040)
    except FirmwareError as error:
        assert "Received:" in str(error)
        return
    kept = content.filled(SECTOR)
    assert kept.size - read.content.size <= 512 * len(touched)


@given(st.binary(max_size=3 * BLOCK))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FirmwareError, match="Received:"):
        read_uf2(data)
