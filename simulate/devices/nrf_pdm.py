"""nRF52840: the PDM interface (Product Specification v1.7, 6.15), with EasyDMA.

What the decimation filter does to the sound is not published in full. The model leaves the samples
as they are at 0 dB and scales them by GAINL else; it is about registers, memory and time.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from simulate.devices.clock import Event
from simulate.devices.device import DeviceError, Surroundings
from simulate.devices.nrf import NrfPeripheral, Ppi
from simulate.devices.nrf_system import NrfClock
from simulate.devices.sound import SAMPLE_RATE_HZ, Sound

START, STOP = 0x000, 0x004
STARTED, STOPPED, END = 0x100, 0x104, 0x108
ENABLE, CLOCK, MODE, GAIN_L, GAIN_R, RATIO = 0x500, 0x504, 0x508, 0x518, 0x51C, 0x520
PIN_CLOCK, PIN_DATA, POINTER, COUNT = 0x540, 0x544, 0x560, 0x564

_HZ = {0x0800_0000: 32, 0x0840_0000: 31, 0x0880_0000: 30, 0x0980_0000: 26, 0x0A00_0000: 25}
"""PDMCLKCTRL -> divisor of 32 MHz."""


class NrfPdm(NrfPeripheral):
    """One microphone, mono. SAMPLE.PTR and MAXCNT are latched at START and at each END.

    Args:
        around: the machine.
        ppi: hears of the events.
        clock: the crystal must run.
        sound: what is heard.
    """

    def __init__(self, around: Surroundings, ppi: Ppi, clock: NrfClock, sound: Sound) -> None:
        registers = {ENABLE: 0, CLOCK: 0x0840_0000, MODE: 0, GAIN_L: 0x28, GAIN_R: 0x28, RATIO: 0}
        registers |= {PIN_CLOCK: 0xFFFFFFFF, PIN_DATA: 0xFFFFFFFF, POINTER: 0, COUNT: 0}
        super().__init__(around, ppi, 0x4001_D000, 29, registers, (STARTED, STOPPED, END))
        self._clock = clock
        self._sound = sound
        self._next = 0
        self._block: tuple[int, int] = (0, 0)
        self._end: Event | None = None

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._end = None

    def tasks(self) -> Collection[int]:
        """START and STOP."""
        return (START, STOP)

    def task(self, offset: int) -> None:
        """Begin to listen, or stop within the block."""
        if offset == STOP:
            if self._end is not None:
                self._end.cancel()
                self._end = None
            self.happen(STOPPED)
            return
        values = self.values
        ratio = 80 if values[RATIO] else 64
        rate = 32_000_000 // _HZ.get(values[CLOCK], 1) // ratio
        for holds, words in (
            (values[ENABLE] == 1, "be enabled"),
            (self._clock.crystal, "have the crystal running (HFCLKSTART)"),
            (values[MODE] & 1, "be mono (MODE.OPERATION)"),
            (rate == SAMPLE_RATE_HZ, f"run at {SAMPLE_RATE_HZ} Hz (PDMCLKCTRL, RATIO)"),
            (values[PIN_CLOCK] < 64 and values[PIN_DATA] < 64, "have pins (PSEL)"),
        ):
            if not holds:
                raise DeviceError(f"PDM must {words} when it is started")
        now = self.around.clock.now()
        self._next = self._sound.start(now, self.around.clock.hz)
        self._begin(now)

    def _begin(self, cycle: int) -> None:
        self._block = (self.values[POINTER], self.values[COUNT] & 0x7FFF)
        if not self._block[1]:
            raise DeviceError("PDM must have SAMPLE.MAXCNT above 0")
        clock = self.around.clock
        cycles = clock.cycles(self._block[1], SAMPLE_RATE_HZ)
        self._end = clock.at(cycle + cycles, lambda: self._finish(cycle + cycles))
        self.happen(STARTED)

    def _finish(self, cycle: int) -> None:
        address, count = self._block
        samples = self._sound.take(self._next, count)
        gain = 10 ** ((self.values[GAIN_L] - 0x28) * 0.5 / 20)
        if gain != 1:
            samples = np.clip(np.rint(samples * gain), -32768, 32767).astype(np.int16)
        try:
            self.around.view(address, 2 * count).view("<i2")[:] = samples
        except ValueError as error:
            raise DeviceError(f"PDM must write to RAM (SAMPLE.PTR): {error}") from error
        self._next += count
        self._begin(cycle)
        self.happen(END)
