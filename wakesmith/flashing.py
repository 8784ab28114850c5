"""What `wakesmith flash` does: find the image, find the board, write, verify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from convert.errors import UserError
from firmware import flash_openocd, flash_pyocd, flash_uf2
from firmware.board import Board, list_boards, load_board
from firmware.errors import FirmwareError
from firmware.flashing import Progress, check_fits
from firmware.formats import read_content
from wakesmith.console import Meter

Say = Callable[[str], object]


def show_probes(say: Say) -> None:
    """Print the debug probes and the bootloaders' drives that are connected."""
    lines = []
    try:
        for probe in flash_pyocd.list_probes():
            lines.append(f"probe  {probe.serial}  {probe.description}")
    except FirmwareError as error:
        say(f"No debug probes: {error}")
    for drive in flash_uf2.list_drives():
        lines.append(f"drive  {drive.folder}  {drive.board_id or 'no Board-ID'}  {drive.model}")
    for line in lines or ["No debug probe and no bootloader's drive is connected."]:
        say(line.rstrip())


def flash_board(
    target: Path | None,
    *,
    board: str | None,
    method: str | None,
    probe: str | None,
    drive: Path | None,
    unlock: bool,
    out: Path | None,
    quiet: bool,
    say: Say,
) -> None:
    """Write a project's firmware, or an image, into a board's flash.

    Args:
        target: a built project's file, or an .elf, .hex, .bin or .uf2.
        board: the board; a project says it itself.
        method: pyocd, uf2 or openocd; None for the board's usual one.
        probe: serial number of the debug probe, or a part of it.
        drive: folder of the bootloader's drive.
        unlock: erase a protected chip to get in.
        out: build folder of the project.
        quiet: no progress.
        say: prints a line.

    Raises:
        UserError, FirmwareError: see `firmware.flash_pyocd`, `flash_uf2`, `flash_openocd`.
    """
    if target is None:
        raise UserError("There must be something to flash. Received: neither a project nor an image.")
    image, chosen = _project(target, board, out) if target.suffix == ".toml" else (
        target,
        _named(board),
    )
    way = _method(chosen, method, probe, drive, unlock)
    content = read_content(image, base=chosen.flash.base, family=chosen.flash.family)
    check_fits(content, chosen)
    with Meter(f"flashing {chosen.name}", quiet=quiet) as meter:
        if way == "pyocd":
            told = flash_pyocd.flash(
                content, chosen, probe=probe, unlock=unlock, progress=_shares(meter)
            )
        elif way == "uf2":
            told = flash_uf2.flash(content, chosen, folder=drive, progress=_shares(meter))
        else:
            told = flash_openocd.flash(content, chosen, probe=probe, progress=_shares(meter))
    say(told)
