"""What all peripherals of Nordic's nRF52 share: tasks, events, interrupts and PPI.

nRF52840 Product Specification v1.7, 6.1 "Peripheral interface": tasks at 0x000, events at 0x100,
SHORTS at 0x200, INTEN, INTENSET and INTENCLR at 0x300, and 6.16 "PPI".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping

from simulate.devices.device import Device, DeviceError, Surroundings

_SHORTS, _INTEN, _INTENSET, _INTENCLR = 0x200, 0x300, 0x304, 0x308


class Ppi(Device):
    """Programmable peripheral interconnect: events start tasks. Channels 0 to 19; no groups."""

    _CHEN, _CHENSET, _CHENCLR, _CHANNELS = 0x500, 0x504, 0x508, 0x510

    def __init__(self) -> None:
        self._tasks: dict[int, Callable[[], None]] = {}
        self._on = 0
        self._ends: dict[int, int] = {}

    def reset(self) -> None:
        """All channels off."""
        self._on = 0
        self._ends = {}

    def offer(self, address: int, task: Callable[[], None]) -> None:
        """A task that an event may start, by the address of its register."""
        self._tasks[address] = task

    def happened(self, address: int) -> None:
        """The event whose register is at `address` has happened."""
        for channel in range(20):
            if self._on >> channel & 1 and self._ends.get(2 * channel) == address:
                task = self._tasks.get(self._ends.get(2 * channel + 1, 0))
                if task is None:
                    raise DeviceError(f"PPI channel {channel} must end at a task that is modelled")
                task()

    def read(self, offset: int, size: int) -> int:
        """CHEN, in its three forms."""
        if offset in (self._CHEN, self._CHENSET, self._CHENCLR):
            return self._on
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """CHEN, CHENSET, CHENCLR, CH[n].EEP and CH[n].TEP."""
        if offset == self._CHEN:
            self._on = value
        elif offset == self._CHENSET:
            self._on |= value
        elif offset == self._CHENCLR:
            self._on &= ~value
        elif self._CHANNELS <= offset < self._CHANNELS + 160:
            self._ends[(offset - self._CHANNELS) // 4] = value
        else:
            super().write(offset, value, size)


class NrfPeripheral(Device, ABC):
    """One peripheral.

    Args:
        around: the machine.
        ppi: hears of every event.
        base: address of the peripheral.
        interrupt: number of its line.
        registers: offsets of plain registers, with their reset values.
        events: offsets of the events.

    Attributes:
        values: the plain registers.
    """

    def __init__(
        self,
        around: Surroundings,
        ppi: Ppi,
        base: int,
        interrupt: int,
        registers: Mapping[int, int],
        events: Collection[int],
    ) -> None:
        self.around = around
        self.base = base
        self._ppi = ppi
        self._interrupt = interrupt
        self._initial = {_SHORTS: 0, **registers}
        self._events = dict.fromkeys(events, 0)
        self.values = dict(self._initial)
        self._enabled = 0
        for offset in self.tasks():
            ppi.offer(base + offset, lambda offset=offset: self.task(offset))  # type: ignore[misc]

    def tasks(self) -> Collection[int]:
        """Offsets of the tasks that the model has."""
        return ()

    @abstractmethod
    def task(self, offset: int) -> None:
        """A task is started, by the firmware or through PPI."""

    def written(self, offset: int) -> None:
        """A plain register was written."""

    def reset(self) -> None:
        """As after power-on."""
        self.values = dict(self._initial)
        self._events = dict.fromkeys(self._events, 0)
        self._enabled = 0
        self._line()

    def short(self, bit: int) -> bool:
        """Whether a bit of SHORTS is set."""
        return bool(self.values[_SHORTS] >> bit & 1)

    def happen(self, event: int) -> None:
        """An event happens."""
        self._events[event] = 1
        self._line()
        self._ppi.happened(self.base + event)

    def _line(self) -> None:
        high = any(
            on and self._enabled >> (offset - 0x100) // 4 & 1 for offset, on in self._events.items()
        )
        self.around.line(self._interrupt, high)

    def read(self, offset: int, size: int) -> int:
        """Events, INTEN and plain registers."""
        if offset in self._events:
            return self._events[offset]
        if offset in (_INTEN, _INTENSET, _INTENCLR):
            return self._enabled
        if offset in self.values:
            return self.values[offset]
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """Tasks (1 starts), events (0 clears), INTEN and plain registers."""
        if offset in self.tasks():
            if value & 1:
                self.task(offset)
        elif offset in self._events:
            self._events[offset] = value & 1
            self._line()
        elif offset in (_INTEN, _INTENSET, _INTENCLR):
            self._enabled = {
                _INTEN: value,
                _INTENSET: self._enabled | value,
                _INTENCLR: self._enabled & ~value,
            }[offset]
            self._line()
        elif offset in self.values:
            self.values[offset] = value
            self.written(offset)
        else:
            super().write(offset, value, size)
