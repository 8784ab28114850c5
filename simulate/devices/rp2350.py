"""RP2350, where it differs from the RP2040 (RP2350 Datasheet)."""

from __future__ import annotations

from typing import ClassVar

from simulate.devices.device import DeviceError, Surroundings, View
from simulate.devices.rp2040 import (
    FLASH,
    RpClocks,
    RpPeripheral,
    RpPower,
    RpResets,
    RpWatchdog,
)

_SEARCHED = 4096
_BLOCK, _BLOCK_END = 0xFFFF_DED3, 0xAB12_3579
_IMAGE_TYPE, _LAST = 0x42, 0xFF
_EXECUTABLE_ARM = 0x1021
SIO = (0x10, 0x18, 0x20, 0x28, 0x30, 0x38)
"""Offsets of GPIO_OUT, _OUT_SET, _OUT_CLR, _OUT_XOR, GPIO_OE, _OE_SET (3.1.11)."""


class Rp2350Resets(RpResets):
    """RESETS, 7.5."""

    initial: ClassVar[dict[int, int]] = {0: 0x1FFF_FFFF, 4: 0}
    bits: ClassVar[dict[str, int]] = {"ADC": 0, "DMA": 2, "UART0": 26}


class Rp2350Clocks(RpClocks):
    """CLOCKS, 8.1: clk_adc has moved."""

    adc: ClassVar[int] = 0x6C
    initial: ClassVar[dict[int, int]] = {
        0x30: 0,
        0x3C: 0x41,
        0x48: 0,
        0x6C: 0,
        **dict.fromkeys((0x34, 0x40, 0x4C, 0x70), 1 << 16),
    }


class Rp2350Pads(RpPeripheral):
    """PADS_BANK0, 9.11: every pad is isolated until ISO, bit 8, is cleared (9.7)."""

    initial: ClassVar[dict[int, int]] = {0: 0, **dict.fromkeys(range(4, 0xC8, 4), 0x116)}

    def connected(self, pin: int, is_input: bool = False) -> bool:
        """Not isolated, and the input on where one is wanted."""
        value = self.values[4 + 4 * pin]
        return not value >> 8 & 1 and bool(not is_input or value >> 6 & 1)


class Rp2350Power(RpPower):
    """PSM, 7.4."""

    all_but_clocks: ClassVar[int] = 0x1FF_FFF3


class Ticks(RpPeripheral):
    """TICKS, 8.5: generators that divide clk_ref, each with CTRL, CYCLES, COUNT."""

    TIMER0, WATCHDOG = 0x18, 0x30
    initial: ClassVar[dict[int, int]] = dict.fromkeys(range(0, 0x48, 4), 0)

    def put(self, offset: int, value: int) -> None:
        """CYCLES changes only while the generator is off."""
        generator = offset - offset % 12
        if offset % 12 == 4 and self.values.get(generator, 0) & 1:
            raise DeviceError("TICKS must be off when CYCLES changes")
        super().put(offset, value)

    def get(self, offset: int) -> int:
        """CTRL with RUNNING."""
        value = super().get(offset)
        return value | (value & 1) << 1 if offset % 12 == 0 else value

    def ticking(self, generator: int) -> bool:
        """True when the tick is one microsecond, from the 12 MHz reference."""
        return bool(self.values[generator] & 1) and self.values[generator + 4] == 12


class Rp2350Watchdog(RpWatchdog):
    """WATCHDOG, 12.9: counts once in a tick, which another block makes.

    Args:
        around: the machine.
        power: must let it reset the whole chip.
        ticks: make its tick.
    """

    initial: ClassVar[dict[int, int]] = {0x00: 0x0700_0000, 0x08: 0}
    counts_per_us: ClassVar[int] = 1

    def __init__(self, around: Surroundings, power: RpPower, ticks: Ticks) -> None:
        super().__init__(around, power)
        self._ticks = ticks

    @property
    def ticking(self) -> bool:
        """As the generator says."""
        return self._ticks.ticking(Ticks.WATCHDOG)


def start(view: View) -> tuple[int, int]:
    """What the boot ROM does (5.9.5): find the image definition, enter at the vector table.

    Blocks without a vector table's address mean the one at the image's begin.

    Raises:
        DeviceError: there is no definition of an executable for Arm, Secure; a chip would go on to
            its USB boot loader.
    """
    words = [int(word) for word in view(FLASH, _SEARCHED).view("<u4")]
    if _BLOCK not in words:
        raise DeviceError("the first 4 kB must hold an image definition")
    at = words.index(_BLOCK) + 1
    items: dict[int, int] = {}
    length = 0
    while at < len(words) and words[at] & 0xFF != _LAST:
        size = words[at] >> 8 & 0xFF
        items[words[at] & 0xFF] = words[at] >> 16
        length += size
        at += max(size, 1)
    tail = words[at : at + 3]
    if tail != [length << 8 | _LAST, 0, _BLOCK_END]:
        raise DeviceError("the image definition must end with its size, a loop of one, and the end")
    if items != {_IMAGE_TYPE: _EXECUTABLE_ARM}:
        raise DeviceError("the image must be an executable for Arm, Secure, RP2350, and no more")
    stack, entry = view(FLASH, 8).view("<u4")
    return int(stack), int(entry)
