"""What the models of all STM32 share: plain registers, and a serial port of one byte."""

from __future__ import annotations

from abc import ABC, abstractmethod

from simulate.devices.clock import Event
from simulate.devices.device import Console, Device, Surroundings


class Stm32Plain(Device):
    """Registers that read back what was written; subclasses know more.

    Attributes:
        values: offset -> value.
    """

    size = 0x1000
    reach = 0x400

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.values: dict[int, int] = {}

    def reset(self) -> None:
        """All zero."""
        self.values = {}

    def read(self, offset: int, size: int) -> int:
        """What was written."""
        return self.values.get(offset, 0) if offset < self.reach else super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """Keep it."""
        if offset >= self.reach:
            super().write(offset, value, size)
        self.values[offset] = value


class Stm32Serial(Stm32Plain, ABC):
    """A USART or LPUART without FIFOs: one byte received, one being sent.

    Subclasses say where its control register is (bit 5: interrupt on reception), which interrupt it
    has, how long a byte takes and whether it listens.

    Args:
        around: the machine.
        console: the line.

    Attributes:
        overrun: a byte came before the last one was taken.
    """

    control: int
    interrupt: int

    def __init__(self, around: Surroundings, console: Console) -> None:
        super().__init__(around)
        self._console = console
        console.attach(self._expect)
        self.overrun = False
        self._byte: int | None = None
        self._free = 0
        self._arrival: Event | None = None

    @abstractmethod
    def cycles(self) -> int:
        """That ten bits take."""

    @abstractmethod
    def listens(self) -> bool:
        """Whether bytes on the line are received."""

    def reset(self) -> None:
        """Off; bytes that are on their way stay so."""
        super().reset()
        self._byte, self.overrun, self._free, self._arrival = None, False, 0, None
        self._line()

    @property
    def room(self) -> bool:
        """Whether a byte may be written."""
        return self.around.clock.now() >= self._free

    def status(self) -> int:
        """TXE, RXNE and ORE, which have the same places in SR and ISR."""
        return self.room << 7 | (self._byte is not None) << 5 | self.overrun << 3

    def take(self) -> int:
        """The byte received, which is gone then."""
        byte, self._byte = self._byte, None
        self._line()
        return byte or 0

    def send(self, value: int) -> None:
        """A byte onto the line."""
        self._free = self.around.clock.now() + self.cycles()
        self._console.emit(bytes((value & 0xFF,)), self._free)

    def changed(self) -> None:
        """A register was written."""
        self._line()
        self._expect()

    def _line(self) -> None:
        on = self.values.get(self.control, 0) >> 5 & 1
        waiting = self._byte is not None or self.overrun
        self.around.line(self.interrupt, bool(on and waiting))

    def _expect(self) -> None:
        if self._console.unread and self._arrival is None and self.listens():
            self._arrival = self.around.clock.after(self.cycles(), self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        if not self._console.unread:
            return
        byte = self._console.pop()
        if self._byte is None:
            self._byte = byte
        else:
            self.overrun = True
        self._line()
        self._expect()
