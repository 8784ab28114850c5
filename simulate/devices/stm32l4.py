"""STM32L4R5: clocks, power, flash control, GPIO and LPUART1 (reference manual RM0432)."""

from __future__ import annotations

from simulate.devices.device import Console, DeviceError, Surroundings
from simulate.devices.stm32 import Stm32Plain, Stm32Serial

_PLL_US = 40


class Stm32Power(Stm32Plain):
    """PWR ("Power control"): boost mode and the supply of port G."""

    CR2, SR2, CR5 = 0x04, 0x14, 0x80

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.clocked = False

    def reset(self) -> None:
        """Range 1 without boost; VDDIO2 not yet valid."""
        super().reset()
        self.clocked = False
        self.values[self.CR5] = 1 << 8

    @property
    def boost(self) -> bool:
        """R1MODE is 0."""
        return not self.values[self.CR5] >> 8 & 1

    @property
    def port_g(self) -> bool:
        """IOSV is set."""
        return bool(self.values.get(self.CR2, 0) >> 9 & 1)

    def write(self, offset: int, value: int, size: int) -> None:
        """Only with PWREN."""
        if not self.clocked:
            raise DeviceError("PWR must have its clock (RCC_APB1ENR1)")
        super().write(offset, value, size)


class Stm32FlashControl(Stm32Plain):
    """FLASH_ACR."""

    @property
    def wait_states(self) -> int:
        """LATENCY."""
        return self.values.get(0, 0) & 15


class Stm32L4Rcc(Stm32Plain):
    """RCC ("Reset and clock control"), from MSI to the PLL.

    Args:
        around: the machine.
        power: must be in boost mode for 120 MHz.
        flash: must have its wait states before.
    """

    CR, CFGR, PLLCFGR, AHB2ENR, APB1ENR1, APB1ENR2 = 0x00, 0x08, 0x0C, 0x4C, 0x58, 0x5C

    def __init__(self, around: Surroundings, power: Stm32Power, flash: Stm32FlashControl) -> None:
        super().__init__(around)
        self._power, self._flash = power, flash
        self._locked: int | None = None

    def reset(self) -> None:
        """MSI at 4 MHz."""
        super().reset()
        self.values[self.CR] = 0x63
        self._locked = None

    def read(self, offset: int, size: int) -> int:
        """CR with PLLRDY; CFGR with SWS."""
        value = super().read(offset, size)
        if offset == self.CR and self._locked is not None:
            value |= (self.around.clock.now() >= self._locked) << 25
        if offset == self.CFGR:
            value |= (value & 3) << 2
        return value

    def write(self, offset: int, value: int, size: int) -> None:
        """PLLON starts the PLL; SW wants voltage, wait states and half the speed first."""
        before = self.values.get(offset, 0)
        super().write(offset, value, size)
        clock = self.around.clock
        if offset == self.APB1ENR1:
            self._power.clocked = bool(value >> 28 & 1)
        if offset == self.CR and value >> 24 & 1 and self._locked is None:
            if self.values.get(self.PLLCFGR, 0) & 0x0700_7FF3 != 1 << 24 | 60 << 8 | 1:
                raise DeviceError("RCC must make 120 MHz of MSI (PLLCFGR)")
            self._locked = clock.now() + clock.cycles(_PLL_US, 1_000_000)
        if offset == self.CFGR and value & 3 == 3 and before & 3 != 3:
            for holds, words in (
                (self.read(self.CR, 4) >> 25 & 1, "have a locked PLL (PLLRDY)"),
                (self._power.boost, "have range 1 boost mode (PWR_CR5)"),
                (self._flash.wait_states >= 5, "have five wait states (FLASH_ACR)"),
                (value >> 4 & 15 == 8, "halve the core's clock (HPRE)"),
            ):
                if not holds:
                    raise DeviceError(f"RCC must {words} before 120 MHz")

    @property
    def full_speed(self) -> bool:
        """The core runs at 120 MHz, and so does APB1."""
        return self.values.get(self.CFGR, 0) & 0x7F3 == 3

    def require(self, register: int, bit: int, name: str) -> None:
        """Refuse a peripheral without a clock.

        Raises:
            DeviceError: it has none.
        """
        if not self.values.get(register, 0) >> bit & 1:
            raise DeviceError(f"{name} must have its clock (RCC)")


class Stm32L4Gpio(Stm32Plain):
    """GPIO A to H, eight blocks of 1 kB, as far as outputs and alternate functions.

    Args:
        around: the machine.
        rcc: must give each port its clock.

    Attributes:
        levels: of each port's pins.
    """

    size = reach = 0x2000
    _MODER, _BSRR, _AFR = 0x00, 0x18, 0x20

    def __init__(self, around: Surroundings, rcc: Stm32L4Rcc) -> None:
        super().__init__(around)
        self._rcc = rcc
        self.levels = [0] * 8

    def reset(self) -> None:
        """Analogue, but for the debugger's pins."""
        super().reset()
        self.levels = [0] * 8
        for port, modes in enumerate((0xABFF_FFFF, 0xFFFF_FEBF, *(0xFFFF_FFFF,) * 5, 0xF)):
            self.values[port << 10] = modes

    def function(self, port: int, pin: int) -> int | None:
        """The alternate function of a pin; None when it has none."""
        base = port << 10
        if self.values[base] >> 2 * pin & 3 != 2:
            return None
        return self.values.get(base + self._AFR + pin // 8 * 4, 0) >> pin % 8 * 4 & 15

    def is_output(self, port: int, pin: int) -> bool:
        """MODER says so."""
        return self.values[port << 10] >> 2 * pin & 3 == 1

    def write(self, offset: int, value: int, size: int) -> None:
        """BSRR sets and clears."""
        port = offset >> 10
        self._rcc.require(Stm32L4Rcc.AHB2ENR, port, f"GPIO{'ABCDEFGH'[port]}")
        super().write(offset, value, size)
        if offset & 0x3FF == self._BSRR:
            self.levels[port] = (self.levels[port] & ~(value >> 16)) | value & 0xFFFF


class Stm32Lpuart(Stm32Serial):
    """LPUART1, without its FIFOs.

    Args:
        around: the machine.
        rcc: must give it a clock.
        power: must supply port G.
        gpio: must connect PG7 and PG8 to it.
        console: the line.
    """

    _CR1, _BRR, _ISR, _ICR, _RDR, _TDR = 0x00, 0x0C, 0x1C, 0x20, 0x24, 0x28
    control = _CR1
    interrupt = 70

    def __init__(
        self,
        around: Surroundings,
        rcc: Stm32L4Rcc,
        power: Stm32Power,
        gpio: Stm32L4Gpio,
        console: Console,
    ) -> None:
        super().__init__(around, console)
        self._rcc, self._power, self._gpio = rcc, power, gpio

    def cycles(self) -> int:
        """BRR is 256 times the clock over the baud rate."""
        return -(-10 * max(self.values.get(self._BRR, 0), 0x300) // 256)

    def listens(self) -> bool:
        """UE and RE, with its pins."""
        return self.values.get(self._CR1, 0) & 5 == 5 and self._connected()

    def _connected(self) -> bool:
        """PG7 and PG8 have AF8 and a supply."""
        return self._power.port_g and all(self._gpio.function(6, pin) == 8 for pin in (7, 8))

    def read(self, offset: int, size: int) -> int:
        """ISR, and RDR, which takes the byte."""
        if offset == self._ISR:
            return self.status()
        if offset == self._RDR:
            return self.take()
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """TDR sends; ICR clears an overrun."""
        self._rcc.require(Stm32L4Rcc.APB1ENR2, 0, "LPUART1")
        if offset == self._TDR:
            for holds, words in (
                (self.values.get(self._CR1, 0) & 9 == 9, "be on (CR1)"),
                (self._power.port_g, "have VDDIO2 declared valid (PWR_CR2, IOSV)"),
                (self._connected(), "be connected to PG7 and PG8 (MODER, AFR)"),
                (self._rcc.full_speed, "have PCLK1 at 120 MHz (RCC_CFGR)"),
                (self.room, "have room before it is written (TXE)"),
            ):
                if not holds:
                    raise DeviceError(f"LPUART1 must {words}")
            self.send(value)
            return
        if offset == self._ICR:
            self.overrun = self.overrun and not value >> 3 & 1
            self.changed()
            return
        super().write(offset, value, size)
        self.changed()
