"""The UART of Arm's Cortex-M System Design Kit (TRM, DDI 0479, section 4.3 "APB UART")."""

from __future__ import annotations

from simulate.devices.clock import Event
from simulate.devices.device import Console, Device, Surroundings

DATA, STATE, CTRL, INTSTATUS, BAUDDIV = 0x000, 0x004, 0x008, 0x00C, 0x010
_RECEIVED, _OVERRUN = 2, 8  # STATE: receive buffer full, receive buffer overrun
_RECEIVE_INTERRUPT = 1 << 3  # CTRL
_BITS = 10  # of one byte on the line: start, eight, stop


class CmsdkUart(Device):
    """A CMSDK APB UART. Sending takes no time.

    Without the receive interrupt, the next byte arrives when the one before it was read, so that a
    polled line loses nothing. With it, bytes arrive as the baud rate has them; what is not
    read in time is lost, and STATE tells.

    Args:
        around: the machine.
        receive_interrupt: number of the line.
        console: the line.
    """

    def __init__(self, around: Surroundings, receive_interrupt: int, console: Console) -> None:
        self._around = around
        self._interrupt = receive_interrupt
        self._console = console
        console.attach(self._expect)
        self._registers: dict[int, int] = {}
        self._buffer: int | None = None
        self._state = 0
        self._arrival: Event | None = None
        self.reset()

    def reset(self) -> None:
        """As after power-on; bytes that are on their way stay so."""
        self._registers = {}
        self._buffer, self._state, self._arrival = None, 0, None
        self._console.polled = True
        self._around.line(self._interrupt, False)

    @property
    def _paced(self) -> bool:
        return bool(self._registers.get(CTRL, 0) & _RECEIVE_INTERRUPT)

    def _expect(self) -> None:
        """Plan the arrival of the next byte."""
        if self._paced and self._console.unread and self._arrival is None:
            cycles = _BITS * max(self._registers.get(BAUDDIV, 0), 16)
            self._arrival = self._around.clock.after(cycles, self._arrive)

    def _arrive(self) -> None:
        self._arrival = None
        if not self._console.unread:
            return
        byte = self._console.pop()
        if self._buffer is None:
            self._buffer = byte
        else:
            self._state |= _OVERRUN
        self._registers[INTSTATUS] = self._registers.get(INTSTATUS, 0) | 2
        self._around.line(self._interrupt, True)
        self._expect()

    def read(self, offset: int, size: int) -> int:
        """DATA, STATE, CTRL, INTSTATUS or BAUDDIV."""
        if offset == DATA:
            byte, self._buffer = self._buffer, None
            if byte is None and not self._paced and self._console.unread:
                byte = self._console.pop()
            return byte or 0
        if offset == STATE:
            if self._buffer is not None or (self._console.unread and not self._paced):
                return self._state | _RECEIVED
            return self._state
        if offset in (CTRL, INTSTATUS, BAUDDIV):
            return self._registers.get(offset, 0)
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """DATA sends; ones clear bits of STATE and INTSTATUS."""
        if offset == DATA:
            self._console.emit(bytes((value & 0xFF,)), self._around.clock.now())
        elif offset == STATE:
            self._state &= ~value
        elif offset == INTSTATUS:
            left = self._registers.get(INTSTATUS, 0) & ~value
            self._registers[INTSTATUS] = left
            self._around.line(self._interrupt, bool(left & 2))
        elif offset in (CTRL, BAUDDIV):
            self._registers[offset] = value
            self._console.polled = not self._paced
            self._expect()
        else:
            super().write(offset, value, size)
