"""Arm's PrimeCell UART PL011 (TRM, DDI 0183), with its FIFOs, as RP2040 and RP2350 have it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from simulate.devices.clock import Event
from simulate.devices.device import Console, DeviceError, Surroundings
from simulate.devices.rp2040 import RpClocks, RpPeripheral, RpResets

DR, FR, IBRD, FBRD, LCR, CR, IFLS, IMSC, RIS, MIS, ICR = (
    *(0x00, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x40, 0x44),
)
_FULL, _EMPTY = 1 << 5, 1 << 4  # FR: TXFF, RXFE
_RX, _TIMEOUT, _OVERRUN = 1 << 4, 1 << 6, 1 << 10  # interrupts
_DEPTH = 32
_BITS = 10


class Pl011(RpPeripheral):
    """UART0 of an RP2040 or RP2350.

    Args:
        around: the machine.
        resets: must have let it go.
        clocks: must give it clk_peri.
        console: the line.
        interrupt: its number.
        connected: whether its pads let bits through.
    """

    initial: ClassVar[dict[int, int]] = {IBRD: 0, FBRD: 0, LCR: 0, CR: 0x300, IFLS: 0x12, IMSC: 0}

    def __init__(
        self,
        around: Surroundings,
        resets: RpResets,
        clocks: RpClocks,
        console: Console,
        interrupt: int,
        connected: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(around)
        self._interrupt, self._connected = interrupt, connected
        self._resets, self._clocks, self._console = resets, clocks, console
        console.attach(self._expect)
        self._received: deque[int] = deque()
        self._raw = 0
        self._sent_at = 0
        self._arrival: Event | None = None
        self._idle: Event | None = None

    def reset(self) -> None:
        """Off; bytes that are on their way stay so."""
        super().reset()
        self._received.clear()
        self._raw = self._sent_at = 0
        self._arrival = self._idle = None
        self._console.held = False
        self._line()

    def _bit(self) -> int:
        """Core cycles of one bit: clk_peri is the core's clock; 4.2.3.2.1 gives the divisor."""
        return max((64 * self.values[IBRD] + self.values[FBRD]) * 16 // 64, 1)

    def _line(self) -> None:
        self.around.line(self._interrupt, bool(self._raw & self.values[IMSC]))

    def _expect(self) -> None:
        if self._console.unread and self._arrival is None and self.values[CR] & 1:
            self._arrival = self.around.clock.after(_BITS * self._bit(), self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        if not self._console.unread:
            return
        byte = self._console.pop()
        if len(self._received) < _DEPTH:
            self._received.append(byte)
        else:
            self._raw |= _OVERRUN
        level = (_DEPTH // 8, _DEPTH // 4, _DEPTH // 2, 24, 28)[self.values[IFLS] >> 3 & 7]
        if len(self._received) >= level:
            self._raw |= _RX
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self.around.clock.after(32 * self._bit(), self._silence)
        self._console.held = True
        self._line()
        self._expect()

    def _silence(self) -> None:
        self._console.held = False
        if self._received:
            self._raw |= _TIMEOUT
            self._line()

    def get(self, offset: int) -> int:
        """DR takes a byte; FR tells of the FIFOs."""
        self._resets.require("UART0")
        if offset == DR:
            byte = self._received.popleft() if self._received else 0
            if len(self._received) < _DEPTH // 8:
                self._raw &= ~_RX
            if not self._received:
                self._raw &= ~_TIMEOUT
            self._line()
            return byte
        if offset == FR:
            waiting = self._sent_at - self.around.clock.now()
            full = waiting > (_DEPTH - 1) * _BITS * self._bit()
            return (_FULL if full else 0) | (0 if self._received else _EMPTY)
        if offset in (RIS, MIS):
            return self._raw & (self.values[IMSC] if offset == MIS else 0xFFFFFFFF)
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """DR sends; ICR clears interrupts."""
        self._resets.require("UART0")
        if offset == DR:
            peripheral = self._clocks.values[RpClocks.PERI]
            if not self.values[CR] & 1 or peripheral & 0x8E0 != 0x800 or not self.values[LCR] & 16:
                raise DeviceError("UART0 must be on, with FIFOs, at clk_peri from clk_sys")
            if not self._connected():
                raise DeviceError("UART0 must have pads that are not isolated (PADS_BANK0, ISO)")
            now = self.around.clock.now()
            self._sent_at = max(self._sent_at, now) + _BITS * self._bit()
            self._console.emit(bytes((value & 0xFF,)), self._sent_at)
        elif offset == ICR:
            self._raw &= ~value
            self._line()
        else:
            super().put(offset, value)
            self._line()
            self._expect()
