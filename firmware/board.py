"""Boards: a folder of data each, under `firmware/boards/`."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware.board_device import read_chip
from firmware.board_flash import FlashSpec, read_flash
from firmware.board_watchdog import WatchdogSpec, read_watchdog
from firmware.cores import CORES, Core
from firmware.errors import FirmwareError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

BOARDS_DIR = Path(__file__).resolve().parent / "boards"
DRIVERS_DIR = Path(__file__).resolve().parent / "drivers"


@dataclass(frozen=True)
class Board:
    """One board, as its `board.toml` describes it. Sizes in bytes.

    `stack_size` is what the linker reserves; the stack lies at the very start of the RAM, so that
    an overflow leaves the RAM and faults instead of overwriting data. `interrupt_count` is the
    length of the board's part of the vector table; 0 where its board.c gives none. `drivers` are
    folders of firmware/drivers with C that several boards share.
    """

    name: str
    title: str
    core: Core
    clock_hz: int
    flash_origin: int
    flash_size: int
    ram_origin: int
    ram_size: int
    stack_size: int
    console_uart: int
    qemu_machine: str
    interrupt_count: int
    folder: Path
    flash: FlashSpec = field(default_factory=FlashSpec)
    chip: str = "mps2"
    drivers: tuple[str, ...] = ()
    watchdog: WatchdogSpec | None = None

    def sources(self) -> dict[str, Path]:
        """The board's C files and headers, its drivers' first: file name -> path."""
        folders = (*(DRIVERS_DIR / name for name in self.drivers), self.folder)
        return {path.name: path for where in folders for path in sorted(where.glob("*.[ch]"))}


def list_boards() -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(path.parent.name for path in BOARDS_DIR.glob("*/board.toml")))


def load_board(name: str) -> Board:
    """Read one board.

    Raises:
        FirmwareError: there is no board of this name; near matches are named.
    """
    known = list_boards()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Choose from {', '.join(known)}."
        raise FirmwareError(f"A board must be one that exists. Received: {name!r}. {hint}")
    return read_board(BOARDS_DIR / name)


def read_board(folder: Path) -> Board:
    """Read the board that a folder describes; its name is the folder's.

    Raises:
        FirmwareError: `board.toml` is missing, damaged or lacks a key.
    """
    path = folder / "board.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FirmwareError(f"{path} must be a readable TOML file. Received: {error}.") from error

    def entry(table: str, key: str, kind: type) -> Any:
        where = data.get(table, {}) if table else data
        value = where.get(key) if isinstance(where, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            full = f"{table}.{key}" if table else key
            raise FirmwareError(f"{path} must give {full} as {kind.__name__}. Received: {value!r}.")
        return value

    core = entry("", "core", str)
    if core not in CORES:
        raise FirmwareError(
            f"{path} must name a core out of {', '.join(sorted(CORES))}. Received: {core!r}."
        )
    drivers = data.get("drivers", [])
    known = {path.name for path in DRIVERS_DIR.iterdir() if path.is_dir()}
    if not isinstance(drivers, list) or not all(name in known for name in drivers):
        raise FirmwareError(
            f"{path} must give drivers as a list out of {', '.join(sorted(known))}. "
            f"Received: {drivers!r}."
        )
    board = Board(
        name=folder.name,
        title=entry("", "title", str),
        core=CORES[core],
        clock_hz=entry("", "clock_hz", int),
        flash_origin=entry("memory", "flash_origin", int),
        flash_size=entry("memory", "flash_size", int),
        ram_origin=entry("memory", "ram_origin", int),
        ram_size=entry("memory", "ram_size", int),
        stack_size=entry("memory", "stack_size", int),
        console_uart=entry("uart", "console", int),
        qemu_machine=data.get("qemu", {}).get("machine", ""),
        interrupt_count=entry("vectors", "count", int) if "vectors" in data else 0,
        folder=folder,
        flash=read_flash(data.get("flash"), path, entry("memory", "flash_origin", int)),
        chip=read_chip(data.get("device"), path),
        drivers=tuple(drivers),
        watchdog=read_watchdog(data.get("watchdog"), path),
    )
    if not 0 < board.stack_size < board.ram_size or board.stack_size % 8:
        raise FirmwareError(
            f"{path} must give memory.stack_size as a multiple of 8 below ram_size. "
            f"Received: {board.stack_size}."
        )
    return board
