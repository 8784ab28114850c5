"""The system timer (Armv7-M ARM, DDI 0403, B3.3; the same in Armv6-M and Armv8-M)."""

from __future__ import annotations

from collections.abc import Callable

from simulate.devices.clock import Clock, Event

CSR, RVR, CVR, CALIB = 0x010, 0x014, 0x018, 0x01C
_ENABLE, _TICKINT, _COUNTFLAG = 1, 2, 1 << 16
_MASK = 0xFF_FFFF


class SysTick:
    """Counts processor cycles, whatever CLKSOURCE says.

    Args:
        clock: the time.
        tick: called at each wrap while TICKINT is set.
    """

    def __init__(self, clock: Clock, tick: Callable[[], None]) -> None:
        self._clock = clock
        self._tick = tick
        self._event: Event | None = None
        self._control = self._reload = 0
        self._start = 0
        self._seen = 0

    def reset(self) -> None:
        """Off."""
        self._control = self._reload = self._start = self._seen = 0
        self._plan()

    @property
    def _period(self) -> int:
        return self._reload + 1 if self._control & _ENABLE and self._reload else 0

    def _wraps(self) -> int:
        return (self._clock.now() - self._start) // self._period if self._period else 0

    def read(self, offset: int) -> int:
        """CSR (reading clears COUNTFLAG), RVR, CVR or CALIB (there is no reference clock)."""
        if offset == CSR:
            wraps = self._wraps()
            flag = _COUNTFLAG if wraps > self._seen else 0
            self._seen = wraps
            return self._control | flag
        if offset == RVR:
            return self._reload
        if offset == CVR:
            if not self._period:
                return 0
            return self._period - 1 - (self._clock.now() - self._start) % self._period
        return 1 << 31

    def write(self, offset: int, value: int) -> None:
        """CSR, RVR, or CVR, which any write clears together with COUNTFLAG."""
        if offset == CSR:
            on = value & _ENABLE and not self._control & _ENABLE
            self._control = value & 7
            if on:
                self._begin()
        elif offset == RVR:
            self._reload = value & _MASK
        elif offset == CVR:
            self._begin()
        self._plan()

    def _begin(self) -> None:
        self._start, self._seen = self._clock.now(), 0

    def _plan(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None
        if self._control & _TICKINT and self._period:
            cycle = self._start + (self._wraps() + 1) * self._period
            self._event = self._clock.at(cycle, self._wrap)

    def _wrap(self) -> None:
        self._tick()
        self._plan()
