"""Flash through a debug probe with pyOCD (the extra `flash`)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from firmware.board import Board
from firmware.content import Content
from firmware.errors import FirmwareError
from firmware.flashing import Probe, Progress, check_chip, check_equal, choose_probe

_OPTIONS = {
    # pyOCD's default would erase a protected chip to get in, without asking.
    "auto_unlock": False,
    # Files of the user's (pyocd.yaml, pyocd_user.py) in the current folder are for his own pyOCD.
    "no_config": True,
    "hide_programming_progress": True,
}


def _import() -> Any:
    """The modules of pyOCD.

    Raises:
        FirmwareError: it is not installed.
    """
    try:
        import pyocd.core.exceptions
        import pyocd.core.helpers
        import pyocd.core.session
        import pyocd.flash.loader
    except ImportError as error:
        raise FirmwareError(
            "Flashing through a debug probe needs pyOCD. "
            f"Received: none ({error}). Install it: pip install 'wakesmith[flash]'."
        ) from error
    # Its log is for people who debug pyOCD; what goes wrong comes back as an exception.
    log = logging.getLogger("pyocd")
    log.setLevel(logging.CRITICAL + 1)
    return pyocd


def _connected(pyocd: Any) -> list[Any]:
    try:
        return list(pyocd.core.helpers.ConnectHelper.get_all_connected_probes(blocking=False))
    except (pyocd.core.exceptions.Error, OSError, ValueError) as error:
        raise FirmwareError(
            f"USB must be readable to find debug probes. Received: {error}."
        ) from error


def list_probes() -> tuple[Probe, ...]:
    """The debug probes that pyOCD sees.

    Raises:
        FirmwareError: pyOCD is not installed, or USB cannot be read.
    """
    return tuple(Probe(p.unique_id, p.description) for p in _connected(_import()))


def flash(
    content: Content,
    board: Board,
    *,
    probe: str | None,
    unlock: bool,
    progress: Progress,
) -> str:
    """Write, verify byte by byte, and start.

    Args:
        content: what to write; it lies in the board's flash.
        board: the board; `board.flash.target` is pyOCD's name of its chip.
        probe: serial number or a part of it; None for the only one.
        unlock: erase a protected chip completely to get in.
        progress: called while writing.

    Returns:
        A sentence for the user.

    Raises:
        FirmwareError: no probe, several, another chip, or writing failed.
    """
    pyocd = _import()
    connected = _connected(pyocd)
    names = [Probe(p.unique_id, p.description) for p in connected]
    chosen = choose_probe(names, probe)
    target = board.flash.target
    try:
        session = pyocd.core.session.Session(
            connected[names.index(chosen)],
            options={**_OPTIONS, "auto_unlock": unlock, "target_override": target},
        )
    except pyocd.core.exceptions.TargetSupportError as error:
        raise FirmwareError(
            f"pyOCD must know the chip {target} of {board.name}. Received: it does not. "
            f"Install its support, which needs the network: pyocd pack install {target}."
        ) from error
    with _open(session, board, chosen), _failures(pyocd, board):
        chip = session.target
        check_chip(board, chip.read32)
        loader = pyocd.flash.loader.MemoryLoader(
            session, progress=_halves(progress), chip_erase="sector"
        )
        for address, data in content.segments:
            loader.add_data(address, data)
        chip.reset_and_halt()
        loader.commit()
        progress(1.0, "verifying")
        check_equal(content, lambda at, n: bytes(chip.read_memory_block8(at, n)), board)
        chip.reset()
    return (
        f"{board.name}: {content.size:,} bytes written through {chosen.serial} "
        f"({chosen.description}), read back equal, started."
    )


def _halves(progress: Progress) -> Callable[[float], None]:
    """One progress of pyOCD's two, erasing and then writing."""
    last, half = 0.0, 0

    def report(share: float) -> None:
        nonlocal last, half
        half = 1 if share < last else half
        last = share
        progress((half + share) / 2, ("erasing", "writing")[half])

    return report


@contextlib.contextmanager
def _open(session: Any, board: Board, chosen: Probe) -> Iterator[None]:
    """An open session, closed whatever happens."""
    try:
        session.open()
    # pyOCD's code for a chip takes its access ports and registers for granted: on another chip it
    # ends in whatever that leads to (KeyError, AttributeError, ...).
    except Exception as error:
        _close(session)
        raise FirmwareError(
            f"The chip on probe {chosen.serial} must answer as {board.flash.target}, that of "
            f"{board.name}. Received: {_words(error)}. Check that it is this board, that it has "
            "power and that the cable sits; a chip that is protected opens with --unlock, "
            "which erases it."
        ) from error
    try:
        yield
    finally:
        _close(session)


def _close(session: Any) -> None:
    # The board may have been unplugged: what went wrong before is told, not that closing fails too.
    with contextlib.suppress(Exception):
        session.close()


@contextlib.contextmanager
def _failures(pyocd: Any, board: Board) -> Iterator[None]:
    try:
        yield
    except (pyocd.core.exceptions.Error, ValueError, OSError) as error:
        raise FirmwareError(
            f"Writing to {board.name} must succeed. Received: {_words(error)}. "
            "Check cable and power and flash again: the board may hold half an image."
        ) from error


def _words(error: BaseException) -> str:
    """An exception for people."""
    return str(error).rstrip(".") or type(error).__name__
