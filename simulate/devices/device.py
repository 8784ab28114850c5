"""What a device model is, and what it may use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulate.devices.clock import Clock

View = Callable[[int, int], NDArray[np.uint8]]
"""(address, bytes) -> the memory there, not copied; raises ValueError where there is none."""


class DeviceError(Exception):
    """A driver did what the model does not know or the manual forbids: a bug in either."""


@dataclass(frozen=True)
class Surroundings:
    """What a device sees of the machine.

    Attributes:
        clock: the time, and calls at a later time.
        view: the memory, as a bus master reaches it.
        line: (interrupt number, high) moves an interrupt line.
        reset: the whole chip is to be reset, for the reason given.
        debugged: whether a function is being called from outside, as a debugger does: watchdogs
            stand still.
    """

    clock: Clock
    view: View
    line: Callable[[int, bool], None]
    reset: Callable[[str], None]
    debugged: Callable[[], bool] = lambda: False


class Device:
    """A block of registers. `offset` is in bytes from the block's base.

    Attributes:
        size: bytes of address space, a multiple of 4096.
    """

    size = 0x1000

    def reset(self) -> None:
        """As after power-on."""

    def read(self, offset: int, size: int) -> int:
        """The firmware reads `size` bytes.

        Raises:
            DeviceError: there is no such register, or it must not be read now.
        """
        raise DeviceError(f"{type(self).__name__} has nothing to read at 0x{offset:03x}")

    def write(self, offset: int, value: int, size: int) -> None:
        """The firmware writes `size` bytes.

        Raises:
            DeviceError: there is no such register, or the value is not allowed.
        """
        raise DeviceError(f"{type(self).__name__} takes no 0x{value:x} at 0x{offset:03x}")


class Console:
    """A serial line that Python talks to.

    Attributes:
        sent: everything that the firmware wrote.
        line_ends: (length of `sent`, cycle) at the end of every line.
        polled: the firmware looks for bytes; nothing interrupts it when one comes.
        held: the UART has a byte that it will interrupt for later.
    """

    polled = False
    held = False

    def __init__(self) -> None:
        self.sent = bytearray()
        self.line_ends: list[tuple[int, int]] = []
        self._coming: deque[int] = deque()
        self._told: Callable[[], None] | None = None

    def attach(self, told: Callable[[], None]) -> None:
        """`told` is called when bytes are on their way."""
        self._told = told

    def emit(self, data: bytes, cycle: int) -> None:
        """The firmware has written."""
        self.sent += data
        if b"\n" in data:
            self.line_ends.append((len(self.sent), cycle))

    @property
    def unread(self) -> int:
        """Bytes that are still to come."""
        return len(self._coming)

    def pop(self) -> int:
        """The next byte arrives."""
        return self._coming.popleft()

    def feed(self, data: bytes) -> None:
        """Bytes that will arrive, in order."""
        self._coming.extend(data)
        if self._told is not None:
            self._told()

    def clear(self) -> None:
        """Forget what was sent and what has not been read."""
        self.sent.clear()
        self.line_ends.clear()
        self._coming.clear()
