"""The cycle counter of the Data Watchpoint and Trace unit (Armv7-M ARM, DDI 0403, C1.8)."""

from __future__ import annotations

from simulate.devices.clock import Clock
from simulate.devices.device import Device

BASE = 0xE000_1000
_CTRL, _CYCCNT = 0x000, 0x004
_CYCCNTENA = 1


class Dwt(Device):
    """DWT_CTRL and DWT_CYCCNT. It counts emulated cycles, whether DEMCR.TRCENA is set or not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._control = 0
        self._zero = 0

    def reset(self) -> None:
        """Off and zero."""
        self._control, self._zero = 0, self._clock.now()

    def read(self, offset: int, size: int) -> int:
        """CTRL or CYCCNT."""
        if offset == _CTRL:
            return self._control
        if offset == _CYCCNT:
            return (self._clock.now() - self._zero) & 0xFFFFFFFF if self._control else 0
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """CTRL (CYCCNTENA only) or CYCCNT."""
        if offset == _CTRL:
            self._control = value & _CYCCNTENA
        elif offset == _CYCCNT:
            self._zero = self._clock.now() - value
        else:
            super().write(offset, value, size)
