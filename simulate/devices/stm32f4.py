"""STM32F407: clocks, GPIO, a timer, the watchdog and USART2 (reference manual RM0090)."""

from __future__ import annotations

from simulate.devices.clock import Event
from simulate.devices.device import Console, Device, DeviceError, Surroundings
from simulate.devices.stm32 import Stm32Plain, Stm32Serial

_CRYSTAL_US, _PLL_US = 2000, 200


class Stm32Rcc(Stm32Plain):
    """RCC (7.3) and FLASH (3.9), which share 4 kB."""

    CR, PLLCFGR, CFGR, AHB1ENR, APB1ENR, PLLI2SCFGR = 0x800, 0x804, 0x808, 0x830, 0x840, 0x884
    _ACR = 0xC00
    reach = 0x1000

    def reset(self) -> None:
        """The internal oscillator runs."""
        super().reset()
        self.values[self.CR] = 0x83
        self._ready: dict[int, int] = {}

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._ready = {}

    def read(self, offset: int, size: int) -> int:
        """CR with its three ready bits; CFGR with SWS."""
        value = super().read(offset, size)
        if offset == self.CR:
            now = self.around.clock.now()
            for bit, at in self._ready.items():
                value |= (now >= at) << bit
        if offset == self.CFGR:
            value |= (value & 3) << 2
        return value

    def write(self, offset: int, value: int, size: int) -> None:
        """HSEON, PLLON and PLLI2SON start something; SW wants wait states first."""
        super().write(offset, value, size)
        clock = self.around.clock
        if offset == self.CR:
            for on, after in ((16, _CRYSTAL_US), (24, _PLL_US), (26, _PLL_US)):
                if value >> on & 1:
                    self._ready.setdefault(on + 1, clock.now() + clock.cycles(after, 1_000_000))
                else:
                    self._ready.pop(on + 1, None)
        if offset == self.CFGR and value & 3 == 2:
            if self.values.get(self._ACR, 0) & 7 < 5:
                raise DeviceError("RCC must have five wait states before 168 MHz (FLASH_ACR)")
            if self.values.get(self.PLLCFGR, 0) & 0x43_7FFF != 1 << 22 | 336 << 6 | 8:
                raise DeviceError("RCC must make 168 MHz (PLLCFGR)")

    @property
    def i2s_hz(self) -> int:
        """PLLI2S from the 8 MHz crystal, 0 while it is not locked."""
        if not self.read(self.CR, 4) >> 27 & 1:
            return 0
        value = self.values[self.PLLI2SCFGR]
        return 1_000_000 * (value >> 6 & 0x1FF) // (value >> 28 & 7)

    def require(self, register: int, bit: int, name: str) -> None:
        """Refuse a peripheral without a clock.

        Raises:
            DeviceError: it has none.
        """
        if not self.values.get(register, 0) >> bit & 1:
            raise DeviceError(f"{name} must have its clock (RCC)")


class Stm32Timer(Stm32Plain):
    """TIM2 (18.4), counting up freely."""

    _CR1, _CNT, _PSC = 0x00, 0x24, 0x28

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._zero = 0

    def read(self, offset: int, size: int) -> int:
        """CNT, at twice APB1, which is half of the core's clock, through PSC."""
        if offset == self._CNT:
            period = 2 * (self.values.get(self._PSC, 0) + 1)
            return (self.around.clock.now() - self._zero) // period & 0xFFFFFFFF
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """CR1 bit 0 starts it at 0."""
        super().write(offset, value, size)
        if offset == self._CR1:
            self._zero = self.around.clock.now()


class Stm32Watchdog(Stm32Plain):
    """IWDG (21.4), from 32 kHz."""

    _KR, _PR, _RLR = 0x00, 0x04, 0x08

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._end: Event | None = None
        self._on = self._open = False

    def reset(self) -> None:
        """Off."""
        super().reset()
        self.values[self._RLR] = 0xFFF
        self._end, self._on, self._open = None, False, False

    def write(self, offset: int, value: int, size: int) -> None:
        """KR: 0xCCCC starts, 0x5555 opens the others, 0xAAAA feeds."""
        if offset == self._KR:
            self._on |= value == 0xCCCC
            self._open = value == 0x5555
            if self._on and value in (0xCCCC, 0xAAAA):
                if self._end is not None:
                    self._end.cancel()
                counts = (self.values[self._RLR] + 1) * (4 << min(self.values.get(self._PR, 0), 6))
                clock = self.around.clock
                self._end = clock.after(
                    clock.cycles(counts, 32_000),
                    lambda: self.around.reset("the watchdog was not fed"),
                )
            return
        if not self._open:
            raise DeviceError("IWDG must be opened before it is set up (KR)")
        super().write(offset, value, size)


class Stm32Usart(Stm32Serial):
    """USART2 (30.6), without FIFOs.

    Args:
        around: the machine.
        rcc: must give it a clock.
        console: the line.
    """

    _SR, _DR, _BRR, _CR1 = 0x00, 0x04, 0x08, 0x0C
    control = _CR1
    interrupt = 38

    def __init__(self, around: Surroundings, rcc: Stm32Rcc, console: Console) -> None:
        super().__init__(around, console)
        self._rcc = rcc

    def cycles(self) -> int:
        """BRR divides APB1, a quarter of the core's clock."""
        return 10 * 4 * max(self.values.get(self._BRR, 0), 16)

    def listens(self) -> bool:
        """RE."""
        return bool(self.values.get(self._CR1, 0) & 4)

    def read(self, offset: int, size: int) -> int:
        """SR and DR, which takes the byte."""
        if offset == self._SR:
            return self.status()
        if offset == self._DR:
            self.overrun = False
            return self.take()
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """DR sends."""
        self._rcc.require(Stm32Rcc.APB1ENR, 17, "USART2")
        if offset == self._DR:
            if not self.values.get(self._CR1, 0) >> 13 & 1:
                raise DeviceError("USART2 must be on (CR1)")
            if not self.room:
                raise DeviceError("USART2 must have room before it is written (TXE)")
            self.send(value)
            return
        super().write(offset, value, size)
        self.changed()


class Stm32Gpio(Stm32Plain):
    """GPIO A to D (8.4), four blocks of 1 kB, as far as outputs.

    Attributes:
        levels: of each port's pins.
    """

    reach = 0x1000
    _BSRR = 0x18

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.levels = [0] * 4

    def write(self, offset: int, value: int, size: int) -> None:
        """BSRR sets and clears."""
        super().write(offset, value, size)
        if offset & 0x3FF == self._BSRR:
            port = offset >> 10
            self.levels[port] = (self.levels[port] & ~(value >> 16)) | value & 0xFFFF


class Stm32Shared(Device):
    """Blocks of 1 kB that share 4 kB.

    Args:
        blocks: offset of each block -> the block, which sees offsets from its own begin.
    """

    def __init__(self, blocks: dict[int, Device]) -> None:
        self._blocks = blocks

    def reset(self) -> None:
        """All of them."""
        for block in self._blocks.values():
            block.reset()

    def _find(self, offset: int) -> tuple[Device, int]:
        begin = offset & 0xC00
        if begin not in self._blocks:
            raise DeviceError(f"no block is modelled at 0x{begin:x}")
        return self._blocks[begin], offset - begin

    def read(self, offset: int, size: int) -> int:
        """From the block."""
        block, inside = self._find(offset)
        return block.read(inside, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """To the block."""
        block, inside = self._find(offset)
        block.write(inside, value, size)
