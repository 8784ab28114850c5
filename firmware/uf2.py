r"""UF2, Microsoft's format for flashing over a USB drive: write it and read it back.

Source: the README of github.com/microsoft/uf2 ("File format", "Flags") and its uf2families.json.
A file is a row of blocks of 512 bytes, 32-bit words little-endian:

    0  "UF2\n"         4  0x9e5d5157     8  flags       12  address   16  bytes of payload
    20 block number    24  blocks        28  family id   32  payload, padded   508  0x0ab16f30
"""

from __future__ import annotations

import collections
import struct
from dataclasses import dataclass

from firmware.content import Content, join
from firmware.errors import FirmwareError

BLOCK = 512
PAYLOAD = 256
"""Bytes per block that is written: "256 is always correct", and all that the RP2040 takes."""

SECTOR = 4096
"""Bytes that the bootloaders of RP2040, RP2350 and nRF52840 erase at once."""

_HEADER = struct.Struct("<8I")
_MAGIC0, _MAGIC1, _MAGIC_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_MAIN_FLASH, _FILE_CONTAINER, _FAMILY = 0x0001, 0x1000, 0x2000
_MOST_PAYLOAD = 476

FAMILIES = {
    0x1B57745F: "nRF52",
    0xADA52840: "nRF52840",
    0x57755A57: "STM32F4",
    0x6D0922FA: "STM32F407",
    0x8FB060FE: "STM32F407VG",
    0x00FF6919: "STM32L4",
    0xE48BFF56: "RP2040",
    0xE48BFF57: "RP2350, absolute",
    0xE48BFF58: "RP2350, data",
    0xE48BFF59: "RP2350, Arm, secure",
    0xE48BFF5A: "RP2350, RISC-V",
    0xE48BFF5B: "RP2350, Arm, non-secure",
    0x68ED2B88: "SAMD21",
    0x55114460: "SAMD51",
}
"""Names of families that our boards or their neighbours have, from uf2families.json."""


@dataclass(frozen=True)
class Uf2:
    """A file that was read: the family id (0 where the file names none) and its bytes."""

    family: int
    content: Content


def family_name(family: int) -> str:
    """A family for people."""
    return f"{family:#010x}" + (f" ({FAMILIES[family]})" if family in FAMILIES else "")


def write_uf2(content: Content, family: int) -> bytes:
    """A UF2 file of `content`, whose sectors are filled up with 0xff.

    A bootloader erases whole sectors, so filling loses nothing; and the RP2040's is not safe with
    sectors that are given in part (RP2040 datasheet, erratum RP2040-E14).

    Raises:
        FirmwareError: the family is not 32 bits.
    """
    if not 0 <= family < 1 << 32:
        raise FirmwareError(f"A UF2 family must be 32 bits. Received: {family:#x}.")
    pages = [
        (address + begin, data[begin : begin + PAYLOAD])
        for address, data in content.filled(SECTOR).segments
        for begin in range(0, len(data), PAYLOAD)
    ]
    flags = _FAMILY if family else 0
    blocks = []
    for number, (address, page) in enumerate(pages):
        header = _HEADER.pack(
            _MAGIC0, _MAGIC1, flags, address, len(page), number, len(pages), family
        )
        blocks.append(header + page.ljust(BLOCK - 36, b"\0") + struct.pack("<I", _MAGIC_END))
    return b"".join(blocks)


def read_uf2(data: bytes, family: int = 0) -> Uf2:
    """The main-flash content of a UF2 file.

    Blocks of other families and those not for the main flash are passed over, as a bootloader
    does; the numbering within the family must be complete.

    Args:
        data: the file.
        family: the one to read; 0 for the only one that there is.

    Raises:
        FirmwareError: a magic number is wrong, blocks are missing, given twice or overlap, or
            there is none of the family.
    """
    if not data or len(data) % BLOCK:
        raise FirmwareError(
            f"A UF2 file must be whole blocks of {BLOCK} bytes. Received: {len(data):,} bytes."
        )
    found: dict[int, list[_Block]] = {}
    for at in range(0, len(data), BLOCK):
        block = _block(data, at)
        found.setdefault(block.family, []).append(block)
    found = {number: blocks for number, blocks in found.items() if any(b.main for b in blocks)}
    if not found:
        raise FirmwareError("A UF2 file must have blocks for the main flash. Received: none.")
    if not family:
        if len(found) > 1:
            names = ", ".join(family_name(number) for number in sorted(found))
            raise FirmwareError(f"A UF2 file must be of one family. Received: {names}.")
        family = next(iter(found))
    # A file without family ids is for any board (the format's older form).
    blocks = found.get(family) or found.get(0)
    if blocks is None:
        names = ", ".join(family_name(number) for number in sorted(found))
        raise FirmwareError(
            f"A UF2 file must be for the family {family_name(family)}. Received: {names}."
        )
    _check_numbers(blocks)
    return Uf2(blocks[0].family, join((b.address, b.payload) for b in blocks if b.main))


@dataclass(frozen=True)
class _Block:
    main: bool  # for the main flash; others are numbered with them
    address: int
    number: int
    count: int
    family: int
    payload: bytes


def _block(data: bytes, at: int) -> _Block:
    magic0, magic1, flags, address, size, number, count, family = _HEADER.unpack_from(data, at)
    (end,) = struct.unpack_from("<I", data, at + BLOCK - 4)
    which = f"block {at // BLOCK}"
    if (magic0, magic1, end) != (_MAGIC0, _MAGIC1, _MAGIC_END):
        raise FirmwareError(
            "Every block of a UF2 file must begin and end with the magic numbers. "
            f"Received: others in {which}."
        )
    if flags & _FILE_CONTAINER:
        raise FirmwareError(
            f"A UF2 file must hold flash contents. Received: a file container in {which}."
        )
    if not 0 < size <= _MOST_PAYLOAD or size % 4 or address % 4:
        raise FirmwareError(
            f"A UF2 block must hold 4 to {_MOST_PAYLOAD} bytes in multiples of 4 at a multiple "
            f"of 4. Received: {size} bytes at {address:#010x} in {which}."
        )
    payload = data[at + _HEADER.size : at + _HEADER.size + size]
    main = not flags & _NOT_MAIN_FLASH
    return _Block(main, address, number, count, family if flags & _FAMILY else 0, payload)


def _check_numbers(blocks: list[_Block]) -> None:
    """Each block once, all of them, and all saying how many there are."""
    counts = {block.count for block in blocks}
    if len(counts) > 1:
        raise FirmwareError(
            "All blocks of a UF2 file must agree on their number. "
            f"Received: {', '.join(map(str, sorted(counts)))}."
        )
    count = counts.pop()
    numbers = collections.Counter(block.number for block in blocks)
    number, times = numbers.most_common(1)[0]
    if times > 1:
        raise FirmwareError(
            f"A UF2 file must give each block once. Received: block {number} {times} times."
        )
    if max(numbers) >= count or len(numbers) != count:
        raise FirmwareError(
            f"A UF2 file must have all of its blocks. Received: {len(numbers)} of {count}."
        )
