"""RP2040: resets, clocks, oscillators, pads, watchdog and timer (RP2040 Datasheet).

What the RP2350 has otherwise is in `simulate.devices.rp2350`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from firmware.boot2 import boot_crc
from simulate.devices.clock import Event
from simulate.devices.device import Device, DeviceError, Surroundings, View

FLASH, BOOT2_RAM, BOOT2_SIZE = 0x1000_0000, 0x2004_1F00, 256


class RpPeripheral(Device):
    """A block with the aliases of 2.1.2: plain, XOR, set and clear, 4 kB each.

    Attributes:
        values: registers that read back what was written.
    """

    size = 0x4000
    initial: ClassVar[dict[int, int]]

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.values = dict(self.initial)

    def reset(self) -> None:
        """As after power-on."""
        self.values = dict(self.initial)

    def get(self, offset: int) -> int:
        """The firmware reads."""
        if offset in self.values:
            return self.values[offset]
        return Device.read(self, offset, 4)

    def put(self, offset: int, value: int) -> None:
        """The firmware writes; `value` is what the register is to hold."""
        if offset not in self.values:
            Device.write(self, offset, value, 4)
        self.values[offset] = value

    def read(self, offset: int, size: int) -> int:
        """Through any alias."""
        return self.get(offset & 0xFFF)

    def write(self, offset: int, value: int, size: int) -> None:
        """Through any alias; the three others are atomic changes."""
        alias, offset = offset >> 12, offset & 0xFFF
        if alias:
            before = self.values.get(offset, 0)
            value = (before ^ value, before | value, before & ~value)[alias - 1]
        self.put(offset, value & 0xFFFFFFFF)


class RpResets(RpPeripheral):
    """RESETS, 2.14: bit by bit, 1 holds a peripheral in reset. RESET_DONE follows at once.

    Attributes:
        bits: name of a peripheral -> its bit.
    """

    initial: ClassVar[dict[int, int]] = {0: 0x01FF_FFFF, 4: 0}
    bits: ClassVar[dict[str, int]] = {"ADC": 0, "DMA": 2, "UART0": 22}

    def get(self, offset: int) -> int:
        """RESET, WDSEL, RESET_DONE."""
        return ~self.values[0] & self.initial[0] if offset == 8 else super().get(offset)

    def require(self, name: str) -> None:
        """Refuse a peripheral that is held in reset.

        Raises:
            DeviceError: it is.
        """
        if self.values[0] >> self.bits[name] & 1:
            raise DeviceError(f"{name} must be taken out of reset (RESETS)")


class RpClocks(RpPeripheral):
    """CLOCKS, 2.15. Glitchless multiplexers tell in SELECTED what they have switched to."""

    REF, SYS, PERI = 0x30, 0x3C, 0x48
    adc: ClassVar[int] = 0x60
    initial: ClassVar[dict[int, int]] = {
        **dict.fromkeys((0x30, 0x3C, 0x48, 0x60), 0),
        **dict.fromkeys((0x34, 0x40, 0x64), 0x100),
        0x78: 0xFF,
    }

    def get(self, offset: int) -> int:
        """Control, divisor and SELECTED of each clock."""
        if offset == self.REF + 8:
            return 1 << (self.values[self.REF] & 3)
        if offset == self.SYS + 8:
            return 1 << (self.values[self.SYS] & 1)
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """The auxiliary multiplexer of clk_sys glitches while it is moved."""
        before = self.values.get(offset, 0)
        if offset == self.SYS and before & 1 and (before ^ value) & 0xE0:
            raise DeviceError("clk_sys must be on clk_ref while AUXSRC changes (CLK_SYS_CTRL)")
        super().put(offset, value)


class RpOscillator(RpPeripheral):
    """XOSC, 2.16: stable some time after it was enabled."""

    initial: ClassVar[dict[int, int]] = {0x00: 0, 0x0C: 0xC4}

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._stable: int | None = None

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._stable = None

    def get(self, offset: int) -> int:
        """CTRL, STATUS (bit 31 STABLE), STARTUP."""
        if offset == 4:
            stable = self._stable is not None and self.around.clock.now() >= self._stable
            return int(stable) << 31
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """CTRL with 0xFAB in bits 23:12 starts it; the delay is 256 * STARTUP crystal periods."""
        super().put(offset, value)
        if offset == 0 and value >> 12 == 0xFAB:
            clock = self.around.clock
            self._stable = clock.now() + clock.cycles(256 * self.values[0x0C], 12_000_000)


class RpPll(RpPeripheral):
    """A PLL, 2.18: locked 100 us after its VCO was powered."""

    CS, PWR, FBDIV, PRIM = 0, 4, 8, 12
    initial: ClassVar[dict[int, int]] = {0: 1, 4: 0x2D, 8: 0, 12: 0x77000}

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._locked: int | None = None

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._locked = None

    @property
    def hz(self) -> int:
        """What comes out, from the 12 MHz crystal; 0 while a part is off."""
        if self.values[self.PWR] & 0x29:
            return 0
        vco = 12_000_000 // (self.values[self.CS] & 63) * self.values[self.FBDIV]
        prim = self.values[self.PRIM]
        return vco // (prim >> 16 & 7) // (prim >> 12 & 7)

    def get(self, offset: int) -> int:
        """CS with its bit 31, LOCK; the others."""
        if offset == self.CS:
            locked = self._locked is not None and self.around.clock.now() >= self._locked
            return self.values[self.CS] | int(locked) << 31
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        """PWR without PD and VCOPD starts it."""
        super().put(offset, value & 0x7FFFFFFF)
        if offset == self.PWR and not value & 0x21 and self._locked is None:
            clock = self.around.clock
            self._locked = clock.now() + clock.cycles(100, 1_000_000)


class RpPins(RpPeripheral):
    """IO_BANK0 (2.19.6) or PADS_BANK0, of which nothing but what was written matters here."""

    initial: ClassVar[dict[int, int]] = dict.fromkeys(range(0, 256, 4), 0)


class RpSio(Device):
    """SIO, 2.3.1, as outputs.

    Args:
        registers: offsets of GPIO_OUT, _OUT_SET, _OUT_CLR, _OUT_XOR, GPIO_OE, _OE_SET.

    Attributes:
        levels: of the pins, bit by bit.
        directions: likewise, 1 for an output.
    """

    def __init__(
        self, registers: tuple[int, int, int, int, int, int] = (0x10, 0x14, 0x18, 0x1C, 0x20, 0x24)
    ) -> None:
        self._OUT, self._SET, self._CLEAR, self._XOR, self._OE, self._OE_SET = registers
        self.levels = self.directions = 0

    def reset(self) -> None:
        """All inputs, all low."""
        self.levels = self.directions = 0

    def write(self, offset: int, value: int, size: int) -> None:
        """GPIO_OUT, GPIO_OE and their other forms, as far as used."""
        if offset == self._OUT:
            self.levels = value
        elif offset == self._SET:
            self.levels |= value
        elif offset == self._CLEAR:
            self.levels &= ~value
        elif offset == self._XOR:
            self.levels ^= value
        elif offset == self._OE:
            self.directions = value
        elif offset == self._OE_SET:
            self.directions |= value
        else:
            super().write(offset, value, size)


class RpPower(RpPeripheral):
    """PSM, 2.13: WDSEL says what the watchdog resets.

    Attributes:
        all_but_clocks: WDSEL for everything without the two oscillators.
    """

    WDSEL = 0x08
    initial: ClassVar[dict[int, int]] = {0x08: 0}
    all_but_clocks: ClassVar[int] = 0x1_FFFC


class RpWatchdog(RpPeripheral):
    """WATCHDOG, 4.7: gives the 1 us tick, and counts it down twice (erratum RP2040-E1).

    Args:
        around: the machine.
        power: must let it reset the whole chip.
    """

    CTRL, LOAD, TICK = 0x00, 0x04, 0x2C
    initial: ClassVar[dict[int, int]] = {0x00: 0x0700_0000, 0x08: 0, 0x2C: 0}
    counts_per_us: ClassVar[int] = 2

    def __init__(self, around: Surroundings, power: RpPower) -> None:
        super().__init__(around)
        self._power = power
        self._end: Event | None = None
        self._load = 0

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._end = None

    @property
    def ticking(self) -> bool:
        """True when the tick is one microsecond, from the 12 MHz reference."""
        return self.values[self.TICK] & 0x3FF == 0x200 | 12

    def put(self, offset: int, value: int) -> None:
        """CTRL bit 30 enables; LOAD feeds."""
        if offset == self.LOAD:
            self._load = value & 0xFFFFFF
        else:
            super().put(offset, value)
        if offset in (self.LOAD, self.CTRL):
            self._plan()

    def _plan(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self.values[self.CTRL] >> 30 & 1:
            if not self.ticking:
                raise DeviceError("WATCHDOG must have its tick of 1 us (TICK)")
            if self._power.values[RpPower.WDSEL] != self._power.all_but_clocks:
                raise DeviceError("WATCHDOG must reset all but the oscillators (PSM, WDSEL)")
            clock = self.around.clock
            cycles = clock.cycles(self._load, self.counts_per_us * 1_000_000)
            self._end = clock.after(cycles, lambda: self.around.reset("the watchdog was not fed"))


class RpTimer(RpPeripheral):
    """TIMER, 4.6: microseconds, without alarms.

    Args:
        around: the machine.
        ticking: tells whether its tick is one microsecond.
    """

    initial: ClassVar[dict[int, int]] = {}
    _HIGH, _LOW = 0x24, 0x28

    def __init__(self, around: Surroundings, ticking: Callable[[], bool]) -> None:
        super().__init__(around)
        self._ticking = ticking
        self._zero = 0

    def reset(self) -> None:
        """Zero."""
        self._zero = self.around.clock.now()

    def get(self, offset: int) -> int:
        """TIMERAWH, TIMERAWL."""
        if not self._ticking():
            return 0
        clock = self.around.clock
        now = (clock.now() - self._zero) * 1_000_000 // clock.hz
        if offset in (self._HIGH, self._LOW):
            return now >> 32 if offset == self._HIGH else now & 0xFFFFFFFF
        return super().get(offset)


class RpSsi(Device):
    """XIP_SSI, 4.10.13, as the second boot stage programs it; the flash is there in any case."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}

    def reset(self) -> None:
        """As the boot ROM leaves it."""
        self.values = {}

    def read(self, offset: int, size: int) -> int:
        """What was written."""
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int, size: int) -> None:
        """Settings change only while SSIENR is 0."""
        if self.values.get(0x08, 1) and offset != 0x08:
            raise DeviceError(f"SSI must be disabled when 0x{offset:02x} is written (SSIENR)")
        self.values[offset] = value


def start(view: View) -> tuple[int, int]:
    """What the boot ROM does (2.8.1.2): copy the second stage to SRAM, check it, enter it.

    Raises:
        DeviceError: its CRC is wrong; a chip would go on to its USB boot loader.
    """
    stage = view(FLASH, BOOT2_SIZE)
    if boot_crc(stage[:-4].tobytes()) != int(stage[-4:].view("<u4")[0]):
        raise DeviceError("the second boot stage must end with its CRC")
    view(BOOT2_RAM, BOOT2_SIZE)[:] = np.array(stage)
    return BOOT2_RAM, BOOT2_RAM
