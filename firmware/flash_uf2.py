"""Flash by copying a UF2 file to the drive that a board's bootloader shows."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.board import Board
from firmware.content import Content
from firmware.errors import FirmwareError
from firmware.flashing import Progress
from firmware.uf2 import SECTOR, family_name, read_uf2, write_uf2

MOUNTS = Path("/proc/mounts")
RESTART_S = 15.0
"""Seconds in which a board that took a file restarts, and its drive goes."""

_CHUNK = 64 * 512
_POLL_S = 0.1
_INFO_MOST = 4096


@dataclass(frozen=True)
class Drive:
    """A mounted bootloader: its folder, what INFO_UF2.TXT says, and its device where known."""

    folder: Path
    board_id: str
    model: str
    device: Path | None = None


def list_drives(mounts: Path = MOUNTS) -> tuple[Drive, ...]:
    """The mounted drives with an INFO_UF2.TXT.

    Args:
        mounts: the system's table of mounted file systems (proc(5): octal escapes for spaces).
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        fields = line.split()
        # Bootloaders show a FAT; looking into others might wait for a network.
        if len(fields) < 3 or fields[2] not in ("vfat", "msdos", "exfat"):
            continue
        folder = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[1])
        drive = look_into(Path(folder))
        if drive is not None:
            device = Path(fields[0]) if fields[0].startswith("/") else None
            found.append(replace(drive, device=device))
    return tuple(found)


def look_into(folder: Path) -> Drive | None:
    """The bootloader's drive that a folder is, or None."""
    info = _entry(folder, "INFO_UF2.TXT")
    if info is None:
        return None
    try:
        with info.open("rb") as file:
            text = file.read(_INFO_MOST).decode("utf-8", errors="replace")
    except OSError:
        return None
    fields = dict(re.findall(r"(?m)^([\w-]+):[ \t]*(.*?)\s*$", text))
    return Drive(folder, fields.get("Board-ID", ""), fields.get("Model", ""))


def _entry(folder: Path, name: str) -> Path | None:
    """A file in a FAT folder, whose names have no case."""
    try:
        return next((p for p in folder.iterdir() if p.name.upper() == name), None)
    except OSError:
        return None


def choose_drive(board: Board, folder: Path | None, drives: tuple[Drive, ...]) -> Drive:
    """The drive of the board.

    Args:
        board: whose `flash.drives` the Board-ID must begin with one of.
        folder: the one the user named, None to look for it.
        drives: those that are mounted.

    Raises:
        FirmwareError: there is none, several, or another board's.
    """
    wanted = board.flash.drives
    if folder is not None:
        drive = next((d for d in drives if d.folder == folder.resolve()), look_into(folder))
        if drive is None:
            raise FirmwareError(
                "--drive must be the folder of a bootloader, with INFO_UF2.TXT. "
                f"Received: {folder}."
            )
        drives = (drive,)
    fitting = [d for d in drives if any(d.board_id.startswith(prefix) for prefix in wanted)]
    there = ", ".join(f"{d.folder} ({d.board_id or 'no Board-ID'})" for d in drives)
    if not drives:
        raise FirmwareError(
            f"The bootloader's drive of {board.name} must be mounted. Received: none. Hold BOOTSEL "
            "(or press reset twice) while plugging in, mount the drive, or name it with --drive."
        )
    if not fitting:
        raise FirmwareError(
            f"The drive must be that of {board.name}, whose Board-ID begins with "
            f"{' or '.join(wanted)}. Received: {there}."
        )
    if len(fitting) > 1:
        raise FirmwareError(f"One drive must be chosen. Received: {there}. Choose with --drive.")
    return fitting[0]


def flash(
    content: Content,
    board: Board,
    *,
    folder: Path | None,
    progress: Progress,
    mounts: Path = MOUNTS,
    restart_s: float = RESTART_S,
) -> str:
    """Copy, and see that the board takes it.

    The bootloader checks each block and restarts when it has all of them, whereupon its drive goes.
    It offers no way to read the flash back afterwards; a bootloader that stays and shows
    CURRENT.UF2 is read back.

    Args:
        content: what to write; it lies in the board's flash.
        board: the board.
        folder: the bootloader's drive; None to look for it.
        progress: called while writing.
        mounts: as for `list_drives`.
        restart_s: seconds to wait for the restart.

    Returns:
        A sentence for the user.

    Raises:
        FirmwareError: no drive, another board's, copying failed, or the board did not take it.
    """
    family = board.flash.family
    drive = choose_drive(board, folder, list_drives(mounts))
    data = write_uf2(content, family)
    _copy(data, drive, progress)
    progress(1.0, "waiting for the restart")
    if _goes(drive, restart_s):
        return (
            f"{board.name}: {content.size:,} bytes copied to {drive.folder} ({drive.board_id}), "
            "taken by the bootloader, started."
        )
    current = _entry(drive.folder, "CURRENT.UF2")
    if current is not None:
        _check_current(current, content, board)
        return (
            f"{board.name}: {content.size:,} bytes copied to {drive.folder} ({drive.board_id}), "
            "read back equal. Press reset to start."
        )
    raise FirmwareError(
        f"The bootloader of {board.name} must restart when it has everything. Received: the drive "
        f"{drive.folder} is still there after {restart_s:g} s. It takes only the family "
        f"{family_name(family)}; check that the board is a {board.name}, and plug in again."
    )


def _copy(data: bytes, drive: Drive, progress: Progress) -> None:
    """Write to the drive and past the cache of the system."""
    path = drive.folder / "FIRMWARE.UF2"
    written = 0
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            while written < len(data):
                written += os.write(handle, data[written : written + _CHUNK])
                os.fsync(handle)
                progress(written / len(data), "copying")
        finally:
            os.close(handle)
    except OSError as error:
        # A board that has all blocks restarts at once, before the system is done with the file.
        if written == len(data) and _gone(drive):
            return
        raise FirmwareError(
            f"Copying to {drive.folder} must succeed. Received: {error.strerror or error} after "
            f"{written:,} of {len(data):,} bytes. Plug the board in again and repeat."
        ) from error


def _gone(drive: Drive) -> bool:
    """Whether the board has left the bus.

    What nobody unmounts stays in the system's cache and can be read on; the device goes at once.
    """
    if drive.device is not None and not drive.device.exists():
        return True
    return look_into(drive.folder) is None


def _goes(drive: Drive, within_s: float) -> bool:
    """Whether the drive disappears."""
    end = time.monotonic() + within_s
    while not _gone(drive):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL_S)
    return True


def _check_current(path: Path, content: Content, board: Board) -> None:
    """Compare with the flash's contents that the bootloader shows."""
    try:
        current = read_uf2(path.read_bytes())
    except OSError as error:
        raise FirmwareError(
            f"CURRENT.UF2 must be readable. Received: {path}: {error.strerror}."
        ) from error
    held = dict(_sectors(current.content))
    for address, data in _sectors(content):
        if held.get(address) != data:
            raise FirmwareError(
                f"The flash of {board.name} must hold what was written. Received: other bytes "
                f"in the {SECTOR} from {address:#010x}. Copy again."
            )


def _sectors(content: Content) -> Iterator[tuple[int, bytes]]:
    for address, data in content.filled(SECTOR).segments:
        for at in range(0, len(data), SECTOR):
            yield address + at, data[at : at + SECTOR]
