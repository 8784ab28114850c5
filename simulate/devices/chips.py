"""Which models sit where: one function per chip, which a board names in `[device] chip`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from firmware.board import Board
from simulate.devices.cmsdk import CmsdkUart
from simulate.devices.cmsdk_watchdog import CmsdkWatchdog
from simulate.devices.device import Console, Device, Surroundings, View
from simulate.devices.nrf import Ppi
from simulate.devices.nrf51 import BY_WATCHDOG, Nrf51Clock, NrfUart
from simulate.devices.nrf_pdm import NrfPdm
from simulate.devices.nrf_system import NrfClock, NrfGpio, NrfTimer, NrfWatchdog
from simulate.devices.nrf_uarte import NrfUarte
from simulate.devices.pl011 import Pl011
from simulate.devices.rp2040 import (
    RpClocks,
    RpOscillator,
    RpPins,
    RpPll,
    RpPower,
    RpResets,
    RpSio,
    RpSsi,
    RpTimer,
    RpWatchdog,
    start,
)
from simulate.devices.rp2040_audio import RP2350_DMA, RpAdc, RpDma
from simulate.devices.rp2350 import (
    SIO,
    Rp2350Clocks,
    Rp2350Pads,
    Rp2350Power,
    Rp2350Resets,
    Rp2350Watchdog,
    Ticks,
)
from simulate.devices.rp2350 import start as start_rp2350
from simulate.devices.sound import Sound
from simulate.devices.stm32f4 import (
    Stm32Gpio,
    Stm32Rcc,
    Stm32Shared,
    Stm32Timer,
    Stm32Usart,
    Stm32Watchdog,
)
from simulate.devices.stm32f4_audio import Stm32Dma, Stm32I2s
from simulate.devices.stm32l4 import (
    Stm32FlashControl,
    Stm32L4Gpio,
    Stm32L4Rcc,
    Stm32Lpuart,
    Stm32Power,
)


@dataclass(frozen=True)
class Chip:
    """The devices of one board.

    Attributes:
        parts: (base address, device).
        console: where the firmware's text goes and where its input comes from.
        start: what the chip does before the first instruction: view of the memory -> (stack
            pointer, program counter).
        sound: what its microphone hears, where it has one.
    """

    parts: tuple[tuple[int, Device], ...]
    console: Console
    start: Callable[[View], tuple[int, int]]
    sound: Sound | None = None


def vector_table(address: int) -> Callable[[View], tuple[int, int]]:
    """The core reads stack pointer and entry from the vector table at `address`."""

    def start(view: View) -> tuple[int, int]:
        stack, entry = view(address, 8).view("<u4")
        return int(stack), int(entry)

    return start


def mps2(board: Board, around: Surroundings) -> Chip:
    """Arm's MPS2 and MPS3 boards: UART 0, whose receive interrupt is 0 (AN386, 3.6)."""
    console = Console()
    uart = CmsdkUart(around, 0, console)
    parts: list[tuple[int, Device]] = [(board.console_uart, uart)]
    if board.watchdog is not None:
        parts.append((board.watchdog.base, CmsdkWatchdog(around, board.watchdog)))
    return Chip(tuple(parts), console, vector_table(board.flash_origin))


def nrf51(board: Board, around: Surroundings) -> Chip:
    """Nordic nRF51822: addresses of the Reference Manual v3.0, chapter 8 "Memory"."""
    console, ppi = Console(), Ppi()
    clock = Nrf51Clock(around, ppi)

    def bite(reason: str) -> None:
        clock.cause |= BY_WATCHDOG
        around.reset(reason)

    parts = (
        (0x4000_0000, clock),
        (0x4000_2000, NrfUart(around, ppi, console)),
        (0x4000_8000, NrfTimer(around, ppi, 0x4000_8000, 8)),
        (0x4001_0000, NrfWatchdog(replace(around, reset=bite), ppi)),
        (0x4001_F000, ppi),
        (0x5000_0000, NrfGpio()),
    )
    return Chip(parts, console, vector_table(board.flash_origin))


def nrf52840(board: Board, around: Surroundings) -> Chip:
    """Nordic nRF52840: addresses and interrupts of Product Specification v1.7, 4.2.3."""
    console, sound, ppi = Console(), Sound(), Ppi()
    clock = NrfClock(around, ppi)
    gpio = NrfGpio()
    parts = (
        (0x4000_0000, clock),
        (0x4000_2000, NrfUarte(around, ppi, console)),
        (0x4000_8000, NrfTimer(around, ppi, 0x4000_8000, 8)),
        (0x4000_9000, NrfTimer(around, ppi, 0x4000_9000, 9)),
        (0x4001_0000, NrfWatchdog(around, ppi)),
        (0x4001_D000, NrfPdm(around, ppi, clock, sound)),
        (0x4001_F000, ppi),
        (0x5000_0000, gpio),
    )
    return Chip(parts, console, vector_table(board.flash_origin), sound)


def rp2040(board: Board, around: Surroundings) -> Chip:
    """Raspberry Pi RP2040: addresses of the datasheet's 2.2, interrupts of 2.3.2."""
    console, sound = Console(), Sound()
    resets, clocks = RpResets(around), RpClocks(around)
    usb, power = RpPll(around), RpPower(around)
    watchdog = RpWatchdog(around, power)
    adc = RpAdc(around, resets, clocks, usb, sound)
    parts = (
        (0x1800_0000, RpSsi()),
        (0x4000_8000, clocks),
        (0x4000_C000, resets),
        (0x4001_0000, power),
        (0x4001_4000, RpPins(around)),
        (0x4001_C000, RpPins(around)),
        (0x4002_4000, RpOscillator(around)),
        (0x4002_8000, RpPll(around)),
        (0x4002_C000, usb),
        (0x4003_4000, Pl011(around, resets, clocks, console, 20)),
        (0x4004_C000, adc),
        (0x4005_4000, RpTimer(around, lambda: watchdog.ticking)),
        (0x4005_8000, watchdog),
        (0x5000_0000, RpDma(around, resets, adc)),
        (0xD000_0000, RpSio()),
    )
    return Chip(parts, console, start, sound)


def rp2350(board: Board, around: Surroundings) -> Chip:
    """Raspberry Pi RP2350: addresses of the datasheet's 2.2, interrupts of 3.2."""
    console, sound = Console(), Sound()
    resets, clocks, ticks = Rp2350Resets(around), Rp2350Clocks(around), Ticks(around)
    usb, power, pads = RpPll(around), Rp2350Power(around), Rp2350Pads(around)
    adc = RpAdc(around, resets, clocks, usb, sound)

    def connected() -> bool:
        return pads.connected(0) and pads.connected(1, is_input=True)

    parts = (
        (0x4001_0000, clocks),
        (0x4001_8000, power),
        (0x4002_0000, resets),
        (0x4002_8000, RpPins(around)),
        (0x4003_8000, pads),
        (0x4004_8000, RpOscillator(around)),
        (0x4005_0000, RpPll(around)),
        (0x4005_8000, usb),
        (0x4007_0000, Pl011(around, resets, clocks, console, 33, connected)),
        (0x400A_0000, adc),
        (0x400B_0000, RpTimer(around, lambda: ticks.ticking(Ticks.TIMER0))),
        (0x400D_8000, Rp2350Watchdog(around, power, ticks)),
        (0x4010_8000, ticks),
        (0x5000_0000, RpDma(around, resets, adc, RP2350_DMA)),
        (0xD000_0000, RpSio(SIO)),
    )
    return Chip(parts, console, start_rp2350, sound)


def stm32f407(board: Board, around: Surroundings) -> Chip:
    """ST STM32F407: addresses of RM0090, table 1, interrupts of table 61."""
    console, sound = Console(), Sound()
    rcc = Stm32Rcc(around)
    i2s = Stm32I2s(around, rcc, sound)
    parts = (
        (0x4000_0000, Stm32Shared({0x000: Stm32Timer(around)})),
        (0x4000_3000, Stm32Shared({0x000: Stm32Watchdog(around), 0x800: i2s})),
        (0x4000_4000, Stm32Shared({0x400: Stm32Usart(around, rcc, console)})),
        (0x4002_0000, Stm32Gpio(around)),
        (0x4002_3000, rcc),
        (0x4002_6000, Stm32Dma(around, rcc, i2s)),
    )
    return Chip(parts, console, vector_table(board.flash_origin), sound)


def stm32l4r5(board: Board, around: Surroundings) -> Chip:
    """ST STM32L4R5: addresses of RM0432, 2.2, interrupts of its chapter "NVIC"."""
    console = Console()
    power, flash = Stm32Power(around), Stm32FlashControl(around)
    rcc = Stm32L4Rcc(around, power, flash)
    gpio = Stm32L4Gpio(around, rcc)
    parts = (
        (0x4000_3000, Stm32Watchdog(around)),
        (0x4000_7000, power),
        (0x4000_8000, Stm32Lpuart(around, rcc, power, gpio, console)),
        (0x4002_1000, rcc),
        (0x4002_2000, flash),
        (0x4800_0000, gpio),
    )
    return Chip(parts, console, vector_table(board.flash_origin))


CHIPS: Mapping[str, Callable[[Board, Surroundings], Chip]] = {
    "mps2": mps2,
    "nrf51": nrf51,
    "nrf52840": nrf52840,
    "rp2040": rp2040,
    "rp2350": rp2350,
    "stm32f407": stm32f407,
    "stm32l4r5": stm32l4r5,
}
"""By the name that `board.toml` uses."""

MICROPHONES = frozenset({"nrf52840", "rp2040", "rp2350", "stm32f407"})
"""Those whose microphone is modelled: `Chip.sound`."""
