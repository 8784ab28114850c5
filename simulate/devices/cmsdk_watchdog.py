"""The watchdog of Arm's Cortex-M System Design Kit (TRM, DDI 0479, section 4.4 "APB watchdog")."""

from __future__ import annotations

from firmware.board_watchdog import WatchdogSpec
from simulate.devices.clock import Event
from simulate.devices.device import Device, Surroundings

LOAD, VALUE, CONTROL, INTCLR, RIS, LOCK = 0x000, 0x004, 0x008, 0x00C, 0x010, 0xC00
_KEY = 0x1ACC_E551
_INTERRUPT, _RESET = 1, 2  # CONTROL
_NMI = 2 - 16  # the watchdog's interrupt is the core's NMI (AN386, 3.6)


class CmsdkWatchdog(Device):
    """Counts LOAD ticks down: at the first end there is an NMI, at the second a reset.

    Args:
        around: the machine.
        spec: for its clock.
    """

    def __init__(self, around: Surroundings, spec: WatchdogSpec) -> None:
        self._around = around
        self._hz = spec.clock_hz
        self._event: Event | None = None
        self._load, self._control = 0xFFFF_FFFF, 0
        self._locked = self._expired = False
        self._due = 0

    def reset(self) -> None:
        """Off."""
        self._load, self._control = 0xFFFF_FFFF, 0
        self._locked = False
        self._event = None  # a reset of the machine has emptied the clock, else it finds nothing on
        self._begin()

    def read(self, offset: int, size: int) -> int:
        """LOAD, CONTROL, RIS and LOCK; VALUE is not modelled."""
        known = {LOAD: self._load, CONTROL: self._control, RIS: int(self._expired)}
        if offset == LOCK:
            return int(self._locked)
        return known[offset] if offset in known else super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """LOCK; the others while it is open."""
        if offset == LOCK:
            self._locked = value != _KEY
        elif offset not in (LOAD, CONTROL, INTCLR):
            super().write(offset, value, size)
        elif not self._locked:
            if offset == LOAD:
                self._load = value
            elif offset == CONTROL:
                self._control = value & 3
            self._begin()

    def _begin(self) -> None:
        self._expired = False
        self._around.line(_NMI, False)
        self._plan()

    def _plan(self) -> None:
        clock = self._around.clock
        self._due = clock.now() + clock.hz * (self._load + 1) // self._hz
        if self._control & _INTERRUPT and self._event is None:
            self._event = clock.at(self._due, self._look)

    def _look(self) -> None:
        """Feeding only moves `_due`: that is cheaper than an event for each time."""
        self._event = None
        clock = self._around.clock
        if not self._control & _INTERRUPT:
            return
        if clock.now() < self._due:
            self._event = clock.at(self._due, self._look)
        elif self._around.debugged():
            self._plan()
        elif self._expired and self._control & _RESET:
            self._around.reset("the watchdog was not fed")
        else:
            self._expired = True
            self._around.line(_NMI, True)
            self._plan()
