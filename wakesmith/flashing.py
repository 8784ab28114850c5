"""What `wakesmith flash` does: find the image, find the board, write, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from convert.errors import UserError
from firmware import flash_openocd, flash_pyocd, flash_uf2
from firmware.board import Board, list_boards, load_board
from firmware.errors import FirmwareError
from firmware.flashing import check_fits
from firmware.formats import read_content
from wakesmith.building import build_folder
from wakesmith.console import Meter
from wakesmith.job import SETTINGS
from wakesmith.project import Project, load_project
from wakesmith.store import plain, read_json

Say = Callable[[str], object]

_ELSEWHERE = (
    *("verify", "compare", "budget.stack", "budget.instructions"),
    *("firmware.board", "firmware.compiler", "firmware.runtime", "firmware.tflm_dir"),
)
"""Settings that say nothing about what firmware does, or that `build` takes on its command line.

The board is looked at by itself.
"""
_MOST_TOLD = 4  # settings that changed


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
    target: Path,
    *,
    board: str | None,
    method: str | None,
    probe: str | None,
    drive: Path | None,
    unlock: bool,
    out: Path | None,
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
        say: prints a line.

    Raises:
        UserError: the project is not built, or options contradict each other.
        FirmwareError: see `firmware.flash_pyocd`, `flash_uf2`, `flash_openocd`.
    """
    image, chosen = _what(target, board, out)
    way = _method(chosen, method, probe=probe, drive=drive, unlock=unlock)
    content = read_content(image, base=chosen.flash.base, family=chosen.flash.family)
    check_fits(content, chosen)
    with Meter("flashing") as meter:

        def progress(share: float, text: str) -> None:
            meter(round(100 * share), 100, text)

        if way == "pyocd":
            told = flash_pyocd.flash(content, chosen, probe=probe, unlock=unlock, progress=progress)
        elif way == "uf2":
            told = flash_uf2.flash(content, chosen, folder=drive, progress=progress)
        else:
            told = flash_openocd.flash(content, chosen, probe=probe, progress=progress)
    say(told)


def _what(target: Path, board: str | None, out: Path | None) -> tuple[Path, Board]:
    """The image and the board that it is for."""
    if target.suffix != ".toml":
        if board is None:
            raise UserError(
                f"An image does not say what board it is for. Received: {target} alone. "
                f"Name the board with --board: {', '.join(_boards())}."
            )
        return target, load_board(board)
    project = load_project(target)
    stage = build_folder(project, out) / "stages" / "firmware"
    image = stage / "firmware.elf"
    try:
        built_for = read_json(stage / "sizes.json")["board"]
    except (OSError, ValueError, LookupError, TypeError):
        built_for = None
    if built_for is None or not image.is_file():
        raise UserError(
            f"The project must be built first. Received: no firmware in {stage.parent.parent}. "
            f"Run wakesmith build {target}."
        )
    _check_unchanged(target, project, stage)
    wanted = board if board is not None else project.firmware.board
    load_board(wanted)  # before anybody is told to build for a board that does not exist
    if wanted != built_for:
        raise UserError(
            f"The firmware must be built for the board that is flashed. Received: built for "
            f'{built_for}, to be flashed on {wanted}. Put board = "{wanted}" under [firmware] '
            f"in {target} and run wakesmith build {target}."
        )
    return image, load_board(wanted)


def _check_unchanged(path: Path, project: Project, stage: Path) -> None:
    """Refuse to flash firmware of an earlier project file.

    Raises:
        UserError: a setting that decides what the firmware does is not that of the build.
    """
    try:
        before = read_json(stage / SETTINGS)
    except (OSError, ValueError):
        before = {}
    changed = list(_differing(plain(project), before))
    if changed:
        more = f" and {len(changed) - _MOST_TOLD} more" if len(changed) > _MOST_TOLD else ""
        raise UserError(
            f"The firmware must be of the project file as it is now. Received: {path}, which "
            f"changed since the build: {', '.join(changed[:_MOST_TOLD])}{more}. Run wakesmith "
            f"build {path}, or flash the image {stage / 'firmware.elf'} with --board."
        )


def _differing(now: Any, before: Any, name: str = "") -> Iterator[str]:
    """Names of settings that are not equal."""
    if isinstance(now, dict) and isinstance(before, dict):
        for key in sorted({*now, *before}):
            inner = f"{name}.{key}" if name else key
            if inner not in _ELSEWHERE:
                yield from _differing(now.get(key), before.get(key), inner)
    elif now != before:
        yield name


def _boards() -> list[str]:
    """Boards that can be flashed."""
    return [name for name in list_boards() if load_board(name).flash.methods()]


def _method(
    board: Board, asked: str | None, *, probe: str | None, drive: Path | None, unlock: bool
) -> str:
    """How to flash; refuses a way that the board does not know and options of another way."""
    known = board.flash.methods()
    if not known:
        others = ", ".join(_boards())
        raise UserError(
            f"A board must be a real one to be flashed. Received: {board.name}, which is emulated "
            f"only. Boards to flash: {others}."
        )
    if asked is None:
        # Naming a probe or a drive says how.
        through = [way for way in known if way != "uf2"] if probe else list(known)
        asked = "uf2" if drive is not None else (through or list(known))[0]
    if asked not in known:
        raise UserError(
            f"--method must be one that {board.name} knows. Received: {asked}. "
            f"Choose from {', '.join(known)}."
        )
    for option, given, ways in (
        ("--probe", probe is not None, ("pyocd", "openocd")),
        ("--drive", drive is not None, ("uf2",)),
        ("--unlock", unlock, ("pyocd",)),
    ):
        if given and asked not in ways:
            raise UserError(
                f"{option} must go with --method {' or '.join(ways)}. Received: {asked}."
            )
    return asked
