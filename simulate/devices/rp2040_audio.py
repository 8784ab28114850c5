"""RP2040, RP2350: the ADC and the DMA controller that empties its FIFO.

Sections are those of the RP2040 Datasheet: 4.9 "ADC", 2.5 "DMA".

Conversions are not done one by one. A DMA channel that waits for the ADC is done when the ADC will
have made as many as it is to move; then all are written at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulate.devices.clock import Event
from simulate.devices.device import DeviceError, Surroundings
from simulate.devices.rp2040 import RpClocks, RpPeripheral, RpPll, RpResets
from simulate.devices.sound import SAMPLE_RATE_HZ, Sound

_CYCLES = 96  # of clk_adc, for one conversion


def codes(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """(samples,) PCM -> 12-bit codes of a microphone at half the supply: 0 is 2048."""
    return (pcm >> 4) + np.int16(2048)


class RpAdc(RpPeripheral):
    """The ADC, free running at 16 kHz into its FIFO.

    Args:
        around: the machine.
        resets: must have let it go.
        clocks: must give it 48 MHz.
        pll: of the USB clock, where those come from.
        sound: what is heard.
    """

    CS, FCS, DIV = 0x00, 0x08, 0x10
    initial: ClassVar[dict[int, int]] = {0x00: 0, 0x08: 0, 0x10: 0, 0x14: 0, 0x18: 0}

    def __init__(
        self, around: Surroundings, resets: RpResets, clocks: RpClocks, pll: RpPll, sound: Sound
    ) -> None:
        super().__init__(around)
        self._resets, self._clocks, self._pll, self._sound = resets, clocks, pll, sound
        self._begin: int | None = None
        self._first = self._taken = 0

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._begin = None

    def get(self, offset: int) -> int:
        """CS is READY when enabled; FCS tells an empty FIFO."""
        if offset == self.CS:
            return self.values[self.CS] | (self.values[self.CS] & 1) << 8
        if offset == self.FCS:
            return self.values[self.FCS] | 1 << 8
        if offset == 0x0C:
            return 0
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """START_MANY begins and ends free running."""
        self._resets.require("ADC")
        super().put(offset, value)
        if offset == self.CS:
            running = bool(value & 1 and value & 8)
            if running and self._begin is None:
                self._check()
                self._begin = self.around.clock.now()
                self._first = self._sound.start(self._begin, self.around.clock.hz)
                self._taken = 0
            elif not running:
                self._begin = None

    def _check(self) -> None:
        clock = self._clocks.values[self._clocks.adc]
        rate = 48_000_000 * 256 / (256 + self.values[self.DIV])
        for holds, words in (
            (clock >> 5 & 7 == 0 and clock >> 11 & 1, "have the clock of the USB PLL (CLK_ADC)"),
            (self._pll.hz == 48_000_000, "have 48 MHz (PLL_USB)"),
            (rate == SAMPLE_RATE_HZ, f"convert at {SAMPLE_RATE_HZ} Hz (DIV)"),
            (self.values[self.CS] >> 12 & 7 == 0, "look at input 0 (AINSEL)"),
            (self.values[self.FCS] & 9 == 9, "fill its FIFO for DMA (FCS)"),
        ):
            if not holds:
                raise DeviceError(f"the ADC must {words}")

    def ready(self, count: int) -> int | None:
        """The cycle at which `count` more conversions are done; None while it does not run."""
        if self._begin is None:
            return None
        clock = self.around.clock
        done = self._taken + count - 1
        return self._begin + clock.cycles(done, SAMPLE_RATE_HZ) + clock.cycles(_CYCLES, 48_000_000)

    def take(self, count: int) -> NDArray[np.int16]:
        """The next conversions."""
        samples = self._sound.take(self._first + self._taken, count)
        self._taken += count
        return codes(samples)


@dataclass(frozen=True)
class DmaKind:
    """In what the chips' DMA controllers differ.

    Attributes:
        channels: how many there are.
        abort: offset of CHAN_ABORT.
        interrupt: number of DMA_IRQ_0.
        dreq_adc: TREQ_SEL for the ADC.
        adc_fifo: address of the ADC's FIFO.
        treq, chain, ring, ring_size, increment, read_increment, busy: lowest bits of the fields
            TREQ_SEL, CHAIN_TO, RING_SEL, RING_SIZE, INCR_WRITE, INCR_READ, BUSY of CTRL.
    """

    channels: int
    abort: int
    interrupt: int
    dreq_adc: int
    adc_fifo: int
    treq: int
    chain: int
    ring: int
    ring_size: int
    increment: int
    read_increment: int
    busy: int


RP2040_DMA = DmaKind(12, 0x444, 11, 36, 0x4004_C00C, 15, 11, 10, 6, 5, 4, 24)
"""RP2040 Datasheet, 2.5.7."""

RP2350_DMA = DmaKind(16, 0x464, 10, 48, 0x400A_000C, 17, 13, 12, 8, 6, 4, 26)
"""RP2350 Datasheet, 12.6, list of registers."""


class RpDma(RpPeripheral):
    """Channels that move from the ADC's FIFO to memory, chained; INTS0.

    Args:
        around: the machine.
        resets: must have let it go.
        adc: where samples come from.
        kind: of which chip.
    """

    _CTRL, _INTR, _INTE0, _INTS0 = 0x0C, 0x400, 0x404, 0x40C
    initial: ClassVar[dict[int, int]] = {
        **{0x40 * n + r: 0 for n in range(16) for r in (0, 4, 8, 12, 16)},
        0x400: 0,
        0x404: 0,
    }

    def __init__(
        self, around: Surroundings, resets: RpResets, adc: RpAdc, kind: DmaKind = RP2040_DMA
    ) -> None:
        super().__init__(around)
        self._resets, self._adc, self._kind = resets, adc, kind
        self._busy: dict[int, Event] = {}
        self._reload = [0] * kind.channels
        self._end = 0x40 * kind.channels

    def reset(self) -> None:
        """All channels idle."""
        super().reset()
        self._busy.clear()
        self._reload = [0] * self._kind.channels
        self._line()

    def _line(self) -> None:
        active = bool(self.values[self._INTR] & self.values[self._INTE0])
        self.around.line(self._kind.interrupt, active)

    def get(self, offset: int) -> int:
        """CTRL with BUSY; INTS0."""
        if offset == self._INTS0:
            return self.values[self._INTR] & self.values[self._INTE0]
        if offset < self._end and offset & 0x3F == self._CTRL:
            return self.values[offset] | (offset >> 6 in self._busy) << self._kind.busy
        if offset == self._kind.abort:
            return 0
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """CTRL_TRIG starts a channel; AL1_CTRL only sets it; INTR and INTS0 clear."""
        self._resets.require("DMA")
        if offset in (self._INTR, self._INTS0):
            self.values[self._INTR] &= ~value
            self._line()
            return
        if offset == self._kind.abort:
            for channel in range(self._kind.channels):
                if value >> channel & 1 and channel in self._busy:
                    self._busy.pop(channel).cancel()
            return
        if offset < self._end and offset & 0x3F == 0x10:
            self.values[offset - 4] = value
            return
        super().put(offset, value)
        if offset == self._INTE0:
            self._line()
        elif offset < self._end and offset & 0x3F == 8:
            self._reload[offset >> 6] = value
        elif offset < self._end and offset & 0x3F == self._CTRL:
            self._trigger(offset >> 6)

    def _trigger(self, channel: int) -> None:
        base = 0x40 * channel
        control, kind = self.values[base + self._CTRL], self._kind
        if not control & 1:
            return
        reads = self.values[base] == kind.adc_fifo and not control >> kind.read_increment & 1
        writes = control >> 2 & 3 == 1 and control >> kind.increment & 1
        for holds, words in (
            (control >> kind.treq & 63 == kind.dreq_adc, "wait for the ADC (TREQ_SEL)"),
            (reads, "read the ADC's FIFO"),
            (writes, "write halfwords, one after another"),
        ):
            if not holds:
                raise DeviceError(f"DMA channel {channel} must {words}: no other use is modelled")
        cycle = self._adc.ready(self._reload[channel])
        if cycle is None:
            # Nothing comes until the ADC runs; look again then.
            cycle = self.around.clock.now() + self.around.clock.cycles(1, 1_000_000)
            self._busy[channel] = self.around.clock.at(cycle, lambda: self._trigger(channel))
            return
        self._busy[channel] = self.around.clock.at(cycle, lambda: self._done(channel))

    def _done(self, channel: int) -> None:
        base = 0x40 * channel
        control, count = self.values[base + self._CTRL], self._reload[channel]
        del self._busy[channel]
        address = self.values[base + 4]
        samples = self._adc.take(count)
        kind = self._kind
        ring = control >> kind.ring_size & 15 if control >> kind.ring & 1 else 31
        places = np.arange(count) * 2
        mask = (1 << ring) - 1
        try:
            for place in np.unique((address & ~mask) + ((address + places) & mask) >> 12):
                self.around.view(int(place) << 12, 1)
            first = min(count, (mask + 1 - (address & mask)) // 2)
            self.around.view(address, 2 * first).view("<u2")[:] = samples[:first]
            rest = samples[first:]
            if rest.size:
                self.around.view(address & ~mask, 2 * rest.size).view("<u2")[:] = rest
        except ValueError as error:
            raise DeviceError(f"DMA channel {channel} must write to RAM: {error}") from error
        self.values[base + 4] = (address & ~mask) + ((address + 2 * count) & mask)
        self.values[self._INTR] |= 1 << channel
        chained = control >> kind.chain & 15
        if chained != channel:
            self._trigger(chained)
        self._line()
