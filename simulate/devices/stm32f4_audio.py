"""STM32F407: the I2S receiver of SPI2 (RM0090, 28.5) with DMA1 (10.5), and a PDM microphone.

The microphone is a sigma-delta modulator of second order, fed by the sound between whose samples
straight lines are drawn. A density of one half is full scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulate.devices.clock import Event
from simulate.devices.device import DeviceError, Surroundings
from simulate.devices.sound import SAMPLE_RATE_HZ, Sound
from simulate.devices.stm32 import Stm32Plain
from simulate.devices.stm32f4 import Stm32Rcc

BIT_HZ = 1_024_000
BITS = BIT_HZ // SAMPLE_RATE_HZ


class Modulator:
    """PCM in, PDM out: two integrators and a comparator, in integers of 1/64 of a sample's step."""

    _FULL = 2 * 32768 * BITS

    def __init__(self) -> None:
        self._first = self._second = 0
        self._last = 0

    def bits(self, pcm: NDArray[np.int16]) -> NDArray[np.uint8]:
        """(samples,) int16 -> (64 * samples,) bits, in order."""
        points = np.concatenate([[self._last], pcm]).astype(np.int64)
        ramp = np.arange(1, BITS + 1, dtype=np.int64)
        lines: NDArray[np.int64] = (
            points[:-1, np.newaxis] * BITS + (points[1:] - points[:-1])[:, np.newaxis] * ramp
        )
        self._last = int(points[-1])
        first, second, full = self._first, self._second, self._FULL
        out = bytearray(lines.size)
        levels: list[int] = lines.ravel().tolist()
        for place, level in enumerate(levels):
            bit = second >= 0
            back = full if bit else -full
            first += level - back
            second += first - back
            out[place] = bit
        self._first, self._second = first, second
        return np.frombuffer(bytes(out), np.uint8)


class Stm32I2s(Stm32Plain):
    """SPI2 in I2S mode, master that receives, with the microphone at its data pin."""

    CR2, CONFIG, PRESCALER = 0x04, 0x1C, 0x20

    def __init__(self, around: Surroundings, rcc: Stm32Rcc, sound: Sound) -> None:
        super().__init__(around)
        self._rcc, self._sound = rcc, sound
        self._modulator = Modulator()
        self._begin: int | None = None
        self._next = self._taken = 0

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._begin = None

    def write(self, offset: int, value: int, size: int) -> None:
        """I2SCFGR bit 10 begins and ends."""
        self._rcc.require(Stm32Rcc.APB1ENR, 14, "SPI2")
        super().write(offset, value, size)
        if offset == self.CONFIG:
            if value >> 10 & 1 and self._begin is None:
                self._check()
                self._begin = self.around.clock.now()
                self._next = self._sound.start(self._begin, self.around.clock.hz)
                self._taken = 0
                self._modulator = Modulator()
            elif not value >> 10 & 1:
                self._begin = None

    def _check(self) -> None:
        prescaler = self.values.get(self.PRESCALER, 0)
        divisor = 2 * (prescaler & 0xFF) + (prescaler >> 8 & 1)
        for holds, words in (
            (self.values[self.CONFIG] & 0xBFF == 0xB10, "receive as a master, left-justified"),
            (self._rcc.i2s_hz == BIT_HZ * divisor, f"have a bit clock of {BIT_HZ} Hz (I2SPR)"),
            (self.values.get(self.CR2, 0) & 1, "ask for DMA (CR2)"),
        ):
            if not holds:
                raise DeviceError(f"I2S must {words}")

    def ready(self, words: int) -> int | None:
        """The cycle at which `words` more halfwords are there; None while it is off."""
        if self._begin is None:
            return None
        bits = 16 * (self._taken + words)
        return self._begin + self.around.clock.cycles(bits, BIT_HZ)

    def take(self, words: int) -> NDArray[np.uint16]:
        """The next halfwords; a multiple of four."""
        count = words * 16 // BITS
        bits = self._modulator.bits(self._sound.take(self._next, count))
        self._next += count
        self._taken += words
        return np.packbits(bits).view(">u2").astype(np.uint16)


class Stm32Dma(Stm32Plain):
    """DMA1, stream 3 in double-buffer mode from SPI2.

    Args:
        around: the machine.
        rcc: must give it a clock.
        i2s: where the bits come from.
    """

    LISR, LIFCR, CR, NDTR, PAR, M0AR, M1AR = 0x00, 0x08, 0x58, 0x5C, 0x60, 0x64, 0x68
    _TC3 = 1 << 27

    def __init__(self, around: Surroundings, rcc: Stm32Rcc, i2s: Stm32I2s) -> None:
        super().__init__(around)
        self._rcc, self._i2s = rcc, i2s
        self._event: Event | None = None

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._event = None
        self._line()

    def _line(self) -> None:
        on = self.values.get(self.CR, 0) >> 4 & 1
        self.around.line(14, bool(on and self.values.get(self.LISR, 0) & self._TC3))

    def write(self, offset: int, value: int, size: int) -> None:
        """CR bit 0 starts and stops; LIFCR clears."""
        self._rcc.require(Stm32Rcc.AHB1ENR, 21, "DMA1")
        if offset == self.LIFCR:
            self.values[self.LISR] = self.values.get(self.LISR, 0) & ~value
            self._line()
            return
        running = self.values.get(self.CR, 0) & 1
        if running and offset in (self.NDTR, self.PAR):
            raise DeviceError("DMA1 must be off when it is set up (CR)")
        super().write(offset, value, size)
        if offset == self.CR:
            if value & 1 and not running:
                if value & 0xE07_7DC0 != 0x4_2D00 or self.values.get(self.PAR) != 0x4000_380C:
                    raise DeviceError(
                        "DMA1 stream 3 must move halfwords from SPI2, channel 0, in double-buffer "
                        "mode: nothing else is modelled"
                    )
                self._plan()
            elif not value & 1 and self._event is not None:
                self._event.cancel()
                self._event = None
        self._line()

    def _plan(self) -> None:
        clock = self.around.clock
        cycle = self._i2s.ready(self.values[self.NDTR])
        if cycle is None:
            self._event = clock.after(clock.cycles(1, 1_000_000), self._plan)
        else:
            self._event = clock.at(cycle, self._done)

    def _done(self) -> None:
        control, count = self.values[self.CR], self.values[self.NDTR]
        address = self.values[self.M1AR if control >> 19 & 1 else self.M0AR]
        try:
            self.around.view(address, 2 * count).view("<u2")[:] = self._i2s.take(count)
        except ValueError as error:
            raise DeviceError(f"DMA1 must write to RAM: {error}") from error
        self.values[self.CR] = control ^ 1 << 19
        self.values[self.LISR] = self.values.get(self.LISR, 0) | self._TC3
        self._line()
        self._plan()
