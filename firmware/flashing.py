"""What all ways of flashing share: probes, fitting the flash, knowing the chip."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware.board import Board
from firmware.content import Content
from firmware.errors import FirmwareError

Progress = Callable[[float, str], object]
"""Called with the finished share, 0 to 1, and what is going on."""

CPUID = 0xE000ED00
"""Armv6-M to v8-M architecture manuals, "CPUID, CPUID Base Register"; PARTNO is bits 15 to 4."""

_PARTS = {
    "m0": 0xC20,
    "m0plus": 0xC60,
    "m3": 0xC23,
    "m4": 0xC24,
    "m7": 0xC27,
    "m33": 0xD21,
    "m55": 0xD22,
}
"""PARTNO by core, from the cores' technical reference manuals."""


@dataclass(frozen=True)
class Probe:
    """A debug probe: what `--probe` takes, and its name."""

    serial: str
    description: str


def check_fits(content: Content, board: Board) -> None:
    """Refuse what does not lie in the board's flash.

    Raises:
        FirmwareError: with the numbers.
    """
    begin, end = board.flash.base, board.flash_origin + board.flash_size
    if content.start < begin or content.start >= end:
        raise FirmwareError(
            f"The firmware must lie in the flash of {board.name}, {begin:#010x} to {end:#010x}. "
            f"Received: bytes at {content.start:#010x}. Was it built for another board?"
        )
    if content.end > end:
        raise FirmwareError(
            f"The firmware must fit the flash of {board.name}: {end - begin:,} bytes from "
            f"{begin:#010x}. Received: {content.end - begin:,} bytes. "
            "Choose a smaller model or a larger board."
        )


def choose_probe(probes: Sequence[Probe], wanted: str | None) -> Probe:
    """The one probe, or the one whose serial number holds `wanted`.

    Raises:
        FirmwareError: there is none, or there are several to choose from.
    """
    if not probes:
        raise FirmwareError(
            "A debug probe must be connected. Received: none. "
            "Check the USB cable and who may use the device (udev rules on Linux)."
        )
    fitting = [p for p in probes if wanted is None or wanted.lower() in p.serial.lower()]
    exact = [p for p in fitting if wanted is not None and p.serial.lower() == wanted.lower()]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    there = ", ".join(f"{p.serial} ({p.description})" for p in fitting or probes)
    if not fitting:
        raise FirmwareError(
            f"--probe must be the serial number of a connected probe. Received: {wanted}. "
            f"Connected: {there}."
        )
    raise FirmwareError(
        f"One debug probe must be chosen. Received: {there}. Choose one with --probe SERIAL."
    )


def check_chip(board: Board, read_word: Callable[[int], int]) -> None:
    """Refuse a chip that is not the board's, before anything is erased.

    Args:
        board: what the firmware was built for.
        read_word: 32 bits of the chip's memory at an address.

    Raises:
        FirmwareError: the core or the identity word is another.
    """
    part = _PARTS.get(_short(board.core.name))
    found = read_word(CPUID) >> 4 & 0xFFF
    if part is not None and found != part:
        core = next((f"a Cortex-{n.upper()}" for n, p in _PARTS.items() if p == found), "")
        raise FirmwareError(
            f"The chip must be that of {board.name}, a {board.core.name}. "
            f"Received: {core or f'CPUID part {found:#05x}'}. Nothing was written."
        )
    identity = board.flash.identity
    if identity is None:
        return
    word = read_word(identity.address)
    if word & identity.mask != identity.value:
        raise FirmwareError(
            f"The chip must be that of {board.name}: {identity.value:#010x} in the word at "
            f"{identity.address:#010x} under mask {identity.mask:#010x}. "
            f"Received: {word & identity.mask:#010x}. Nothing was written."
        )


def _short(core: str) -> str:
    """cortex-m4f -> m4, cortex-m0+ -> m0plus."""
    match = re.fullmatch(r"cortex-m(\d+)(plus|\+|f|)", core)
    if match is None:
        return ""
    return f"m{match[1]}" + ("plus" if match[2] in ("plus", "+") else "")


def check_equal(content: Content, read: Callable[[int, int], bytes], board: Board) -> None:
    """Compare the flash with what was to be written.

    Args:
        content: what was written.
        read: bytes of the chip's memory from address and count.
        board: for messages.

    Raises:
        FirmwareError: with the first byte that differs.
    """
    for address, data in content.segments:
        held = read(address, len(data))
        if held == data:
            continue
        at = next(
            (i for i, (a, b) in enumerate(zip(held, data, strict=False)) if a != b), len(held)
        )
        got = f"{held[at]:#04x}" if at < len(held) else "nothing"
        raise FirmwareError(
            f"The flash of {board.name} must hold what was written. Received: {got} in place of "
            f"{data[at]:#04x} at {address + at:#010x}. Flash again; if it stays, the chip is "
            "worn or protected."
        )
