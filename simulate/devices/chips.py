"""Which models sit where: one function per chip, which a board names in `[device] chip`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware.board import Board
from simulate.devices.cmsdk import CmsdkUart
from simulate.devices.device import Console, Device, Surroundings


@dataclass(frozen=True)
class Chip:
    """The devices of one board.

    Attributes:
        parts: (base address, device).
        console: where the firmware's text goes.
        audio: brings sound to boards that have a second UART for it.
    """

    parts: tuple[tuple[int, Device], ...]
    console: Console
    audio: Console | None = None
    microphone: None = field(default=None)


def mps2(board: Board, around: Surroundings) -> Chip:
    """Arm's MPS2 and MPS3 boards. Interrupts: 0 UART 0 receives, 2 UART 1 receives (AN386, 3.6)."""
    console, audio = CmsdkUart(around, 0), CmsdkUart(around, 2)
    return Chip(
        parts=((board.console_uart, console), (board.audio_uart, audio)),
        console=console,
        audio=audio,
    )


CHIPS: Mapping[str, Callable[[Board, Surroundings], Chip]] = {"mps2": mps2}
"""By the name that `board.toml` uses."""
