"""nRF51822: the UART, and why the chip was reset (nRF51 Series Reference Manual v3.0).

Tasks, events and interrupts are those of the nRF52, and so are timer, watchdog, GPIO and PPI as far
as they are modelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from simulate.devices.clock import Event
from simulate.devices.device import Console, DeviceError, Surroundings
from simulate.devices.nrf import NrfPeripheral, Ppi
from simulate.devices.nrf_system import NrfClock

BY_WATCHDOG = 1 << 1
"""In RESETREAS."""

_RESETREAS = 0x400


class Nrf51Clock(NrfClock):
    """POWER and CLOCK (chapters 12 and 13).

    Attributes:
        cause: bits of RESETREAS that the firmware has not cleared; a reset leaves them.
    """

    cause = 0

    def reset(self) -> None:
        """As after a reset."""
        super().reset()
        self.values[_RESETREAS] = self.cause

    def written(self, offset: int) -> None:
        """RESETREAS: ones clear."""
        if offset == _RESETREAS:
            self.cause &= ~self.values[_RESETREAS]
            self.values[_RESETREAS] = self.cause


class NrfUart(NrfPeripheral):
    """UART (chapter 29), as a console: text out, bytes in at the baud rate, no flow control.

    Args:
        around: the machine.
        ppi: hears of the events.
        console: the line.
    """

    _START_RX, _STOP_RX, _START_TX, _STOP_TX = 0x000, 0x004, 0x008, 0x00C
    _RX_READY, _TX_READY, _ERROR = 0x108, 0x11C, 0x124
    _ERROR_SOURCE, _ENABLE, _PIN_TXD, _PIN_RXD = 0x480, 0x500, 0x50C, 0x514
    _RXD, _TXD, _BAUD = 0x518, 0x51C, 0x524
    _BITS = 10  # of one byte on the line: start, eight, stop
    _FIFO = 6  # 29.4: bytes that the receiver holds

    def __init__(self, around: Surroundings, ppi: Ppi, console: Console) -> None:
        registers = {self._ERROR_SOURCE: 0, self._ENABLE: 0, self._BAUD: 0x0400_0000}
        registers |= {self._PIN_TXD: 0xFFFFFFFF, self._PIN_RXD: 0xFFFFFFFF}
        events = (self._RX_READY, self._TX_READY, self._ERROR)
        super().__init__(around, ppi, 0x4000_2000, 2, registers, events)
        self._console = console
        console.attach(self._expect)
        self._fifo: deque[int] = deque()
        self._listens = self._sends = self._busy = False
        self._arrival: Event | None = None

    def reset(self) -> None:
        """Off; bytes that are on their way stay so."""
        super().reset()
        self._fifo.clear()
        self._listens = self._sends = self._busy = False
        self._arrival = None

    def tasks(self) -> Collection[int]:
        """STARTRX, STOPRX, STARTTX and STOPTX."""
        return (self._START_RX, self._STOP_RX, self._START_TX, self._STOP_TX)

    def task(self, offset: int) -> None:
        """Switch the receiver or the sender on or off."""
        if offset in (self._START_RX, self._STOP_RX):
            self._check(self._PIN_RXD)
            self._listens = offset == self._START_RX
            self._expect()
        else:
            self._check(self._PIN_TXD)
            self._sends = offset == self._START_TX

    def _check(self, pin: int) -> None:
        if self.values[self._ENABLE] != 4 or self.values[pin] >= 32:
            raise DeviceError("UART must be enabled and have its pins (ENABLE, PSEL)")

    def _byte_cycles(self) -> int:
        # 29.10.13: BAUDRATE is the rate * 2^32 / 16 MHz, rounded.
        baud = max(self.values[self._BAUD] * 16_000_000 >> 32, 1)
        return self.around.clock.cycles(self._BITS, baud)

    def _expect(self) -> None:
        """Plan the arrival of the next byte, when there is one and somebody listens."""
        if self._listens and self._console.unread and self._arrival is None:
            self._arrival = self.around.clock.after(self._byte_cycles(), self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        if not self._console.unread:
            return
        byte = self._console.pop()
        if len(self._fifo) < self._FIFO:
            self._fifo.append(byte)
            if len(self._fifo) == 1:
                self.happen(self._RX_READY)
        else:
            self.values[self._ERROR_SOURCE] |= 1  # OVERRUN
            self.happen(self._ERROR)
        self._expect()

    def read(self, offset: int, size: int) -> int:
        """RXD takes a byte from the FIFO, and the next one moves up."""
        if offset != self._RXD:
            return super().read(offset, size)
        byte = self._fifo.popleft() if self._fifo else 0
        if self._fifo:
            self.happen(self._RX_READY)
        return byte

    def write(self, offset: int, value: int, size: int) -> None:
        """TXD sends a byte."""
        if offset != self._TXD:
            super().write(offset, value, size)
            return
        if not self._sends or self._busy:
            raise DeviceError("UART must send one byte after the other (STARTTX, TXDRDY)")
        self._busy = True
        byte = bytes([value & 0xFF])
        self.around.clock.after(self._byte_cycles(), lambda: self._sent(byte))

    def _sent(self, byte: bytes) -> None:
        self._busy = False
        self._console.emit(byte, self.around.clock.now())
        self.happen(self._TX_READY)
