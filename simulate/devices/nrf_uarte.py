"""nRF52840: the UART with EasyDMA (Product Specification v1.7, 6.34), without flow control."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from simulate.devices.clock import Event
from simulate.devices.device import Console, DeviceError, Surroundings
from simulate.devices.nrf import NrfPeripheral, Ppi

START_RX, STOP_RX, START_TX, STOP_TX, FLUSH_RX = 0x000, 0x004, 0x008, 0x00C, 0x02C
RX_READY, END_RX, TX_READY, END_TX, ERROR = 0x108, 0x110, 0x11C, 0x120, 0x124
RX_TIMEOUT, RX_STARTED, TX_STARTED, TX_STOPPED = 0x144, 0x14C, 0x150, 0x158
ERROR_SOURCE, ENABLE, PIN_RTS, PIN_TXD, PIN_CTS, PIN_RXD = 0x480, 0x500, 0x508, 0x50C, 0x510, 0x514
BAUD, CONFIG = 0x524, 0x56C
RX_POINTER, RX_COUNT, RX_AMOUNT = 0x534, 0x538, 0x53C
TX_POINTER, TX_COUNT, TX_AMOUNT = 0x544, 0x548, 0x54C

_EVENTS = (
    *(RX_READY, END_RX, TX_READY, END_TX, ERROR, RX_TIMEOUT, RX_STARTED, TX_STARTED, TX_STOPPED),
)
_ENDRX_STARTRX = 5  # SHORTS
_BITS = 10
_HARDWARE_FIFO = 4  # 6.34.4: bytes that the receiver holds while no buffer is ready


class NrfUarte(NrfPeripheral):
    """UARTE0, as a console: text out, bytes in at the baud rate.

    Args:
        around: the machine.
        ppi: hears of the events.
        console: the line.
    """

    def __init__(self, around: Surroundings, ppi: Ppi, console: Console) -> None:
        registers = {ERROR_SOURCE: 0, ENABLE: 0, BAUD: 0x0400_0000, CONFIG: 0}
        registers |= dict.fromkeys((PIN_RTS, PIN_TXD, PIN_CTS, PIN_RXD), 0xFFFFFFFF)
        registers |= dict.fromkeys((RX_POINTER, RX_COUNT, RX_AMOUNT), 0)
        registers |= dict.fromkeys((TX_POINTER, TX_COUNT, TX_AMOUNT), 0)
        super().__init__(around, ppi, 0x4000_2000, 2, registers, _EVENTS)
        self._console = console
        console.attach(self.expect)
        self._fifo: deque[int] = deque()
        self._buffer: tuple[int, int] | None = None
        self._filled = 0
        self._sending = False
        self._arrival: Event | None = None

    def reset(self) -> None:
        """Off; bytes that are on their way stay so."""
        super().reset()
        self._fifo.clear()
        self._buffer, self._filled, self._sending = None, 0, False
        self._arrival = None

    def tasks(self) -> Collection[int]:
        """STARTRX, STOPRX, STARTTX, STOPTX, FLUSHRX."""
        return (START_RX, STOP_RX, START_TX, STOP_TX, FLUSH_RX)

    def _byte_cycles(self) -> int:
        # 6.34.9: BAUDRATE is the rate * 2^32 / 16 MHz, rounded.
        baud = max(self.values[BAUD] * 16_000_000 >> 32, 1)
        return self.around.clock.cycles(_BITS, baud)

    def _check(self, pin: int) -> None:
        if self.values[ENABLE] != 8 or self.values[pin] >= 64:
            raise DeviceError("UARTE must be enabled and have its pins (ENABLE, PSEL)")

    def task(self, offset: int) -> None:
        """Start a transfer with what the registers say now, or stop."""
        values, around = self.values, self.around
        if offset == START_TX:
            self._check(PIN_TXD)
            if self._sending:
                raise DeviceError("UARTE must have ended one transfer before the next (ENDTX)")
            count = values[TX_COUNT]
            try:
                data = bytes(around.view(values[TX_POINTER], count))
            except ValueError as error:
                raise DeviceError(f"UARTE must send from RAM (TXD.PTR): {error}") from error
            self._sending = True
            self.happen(TX_STARTED)
            around.clock.after(count * self._byte_cycles(), lambda: self._sent(data))
        elif offset == STOP_TX:
            self.happen(TX_STOPPED)
        elif offset == START_RX:
            self._check(PIN_RXD)
            self._buffer, self._filled = (values[RX_POINTER], values[RX_COUNT]), 0
            self.happen(RX_STARTED)
            self._store()
            self.expect()
        elif offset == STOP_RX:
            self._buffer = None
            self.happen(RX_TIMEOUT)

    def _sent(self, data: bytes) -> None:
        self._sending = False
        self._console.emit(data, self.around.clock.now())
        self.values[TX_AMOUNT] = len(data)
        self.happen(TX_READY)
        self.happen(END_TX)

    def expect(self) -> None:
        """Plan the arrival of the next byte, when there is one and somebody listens."""
        if self._console.unread and self._arrival is None and self.values[ENABLE] == 8:
            self._arrival = self.around.clock.after(self._byte_cycles(), self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        if not self._console.unread:
            return
        byte = self._console.pop()
        if len(self._fifo) < _HARDWARE_FIFO:
            self._fifo.append(byte)
        else:
            self.values[ERROR_SOURCE] |= 1  # OVERRUN
            self.happen(ERROR)
        self._store()
        self.expect()

    def _store(self) -> None:
        while self._fifo and self._buffer is not None:
            address, count = self._buffer
            self.around.view(address + self._filled, 1)[0] = self._fifo.popleft()
            self._filled += 1
            self.happen(RX_READY)
            if self._filled == count:
                self.values[RX_AMOUNT] = self._filled
                self._buffer = None
                self.happen(END_RX)
                if self.short(_ENDRX_STARTRX):
                    self.task(START_RX)
