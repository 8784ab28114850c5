"""What a device model is, and what it may use."""

from __future__ import annotations

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
    """

    clock: Clock
    view: View
    line: Callable[[int, bool], None]
    reset: Callable[[str], None]


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


class Console(Device):
    """A serial port that Python talks to.

    Attributes:
        sent: everything that the firmware wrote.
        polled: the firmware looks for bytes; nothing interrupts it when one comes.
    """

    polled = False

    def __init__(self) -> None:
        self.sent = bytearray()

    @property
    def unread(self) -> int:
        """Bytes that are still to come."""
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        """Bytes that will arrive, in order."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget what was sent and what has not been read."""
        raise NotImplementedError
