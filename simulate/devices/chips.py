"""Which models sit where: one function per chip, which a board names in `[device] chip`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firmware.board import Board
from simulate.devices.cmsdk import CmsdkUart
from simulate.devices.device import Console, Device, Surroundings, View


@dataclass(frozen=True)
class Chip:
    """The devices of one board.

    Attributes:
        parts: (base address, device).
        console: where the firmware's text goes and where its input comes from.
        start: what the chip does before the first instruction: view of the memory -> (stack
            pointer, program counter).
    """

    parts: tuple[tuple[int, Device], ...]
    console: Console
    start: Callable[[View], tuple[int, int]]


def vector_table(address: int) -> Callable[[View], tuple[int, int]]:
    """The core reads stack pointer and entry from the vector table at `address`."""

    def start(view: View) -> tuple[int, int]:
        stack, entry = view(address, 8).view("<u4")
        return int(stack), int(entry)

    return start


def mps2(board: Board, around: Surroundings) -> Chip:
    """Arm's MPS2 and MPS3 boards: UART 0, whose receive interrupt is 0 (AN386, 3.6)."""
    console = CmsdkUart(around, 0)
    return Chip(((board.console_uart, console),), console, vector_table(board.flash_origin))


CHIPS: Mapping[str, Callable[[Board, Surroundings], Chip]] = {"mps2": mps2}
"""By the name that `board.toml` uses."""
