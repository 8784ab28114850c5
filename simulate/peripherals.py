"""The devices around the emulated core: a UART and the system control space."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Uart:
    """A CMSDK APB UART (Arm CMSDK TRM, DDI 0479, section 4.3), without baud rate or interrupts.

    Attributes:
        sent: everything that the firmware wrote.
    """

    def __init__(self) -> None:
        self.sent = bytearray()
        self._received: deque[int] = deque()

    @property
    def unread(self) -> int:
        """Bytes that the firmware has not read."""
        return len(self._received)

    def feed(self, data: bytes) -> None:
        """Bytes that will arrive, in order."""
        self._received.extend(data)

    def clear(self) -> None:
        """Forget what was sent and what has not been read."""
        self.sent.clear()
        self._received.clear()

    def read(self, offset: int) -> int:
        """The firmware reads a register."""
        if offset == 0x000:  # DATA
            return self._received.popleft() if self._received else 0
        if offset == 0x004:  # STATE: bit 1, receive buffer full; the send buffer is never full
            return 2 if self._received else 0
        return 0

    def write(self, offset: int, value: int) -> None:
        """The firmware writes a register."""
        if offset == 0x000:
            self.sent.append(value & 0xFF)


class SystemControl:
    """SysTick and System Control Block (Armv7-M ARM, DDI 0403, B3.2 and B3.3), as far as used.

    Registers that are not listed here read back what was written.

    Args:
        cycles: the time since reset, in clock cycles.
        trap_zero: told when CCR.DIV_0_TRP changes.
    """

    CPUID, ICSR, VTOR, CCR, SHCSR = 0xD00, 0xD04, 0xD08, 0xD14, 0xD24
    CFSR, HFSR, MMFAR, BFAR = 0xD28, 0xD2C, 0xD34, 0xD38
    MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR = 0xD90, 0xD94, 0xD98, 0xD9C, 0xDA0
    SYST_CSR, SYST_RVR, SYST_CVR = 0x010, 0x014, 0x018

    def __init__(
        self, cycles: Callable[[], int], trap_zero: Callable[[bool], None], cpuid: int
    ) -> None:
        self._cycles = cycles
        self._trap_zero = trap_zero
        self._cpuid = cpuid
        self.registers: dict[int, int] = {}
        self._regions: dict[int, tuple[int, int]] = {}
        self._started = 0
        self._laps = 0
        self.reset()

    def reset(self) -> None:
        """Values after reset."""
        self.registers = {self.CPUID: self._cpuid, self.MPU_TYPE: 8 << 8}
        self._regions = {}
        self._started = self._laps = 0
        self._trap_zero(False)

    def read(self, offset: int) -> int:
        """The firmware reads a register (or Python looks at one)."""
        value = self.registers.get(offset, 0)
        if offset in (self.SYST_CSR, self.SYST_CVR):
            if not self.registers.get(self.SYST_CSR, 0) & 1:
                return value
            length = (self.registers.get(self.SYST_RVR, 0) & 0xFFFFFF) + 1
            laps, gone = divmod(self._cycles() - self._started, length)
            if offset == self.SYST_CVR:
                return length - 1 - gone
            if laps != self._laps:
                value |= 1 << 16  # COUNTFLAG, cleared by reading
            self._laps = laps
        return value

    def write(self, offset: int, value: int) -> None:
        """The firmware writes a register."""
        if offset == self.CPUID:
            return
        if offset in (self.CFSR, self.HFSR):  # bits are cleared by writing ones
            value = self.registers.get(offset, 0) & ~value
        self.registers[offset] = value & 0xFFFFFFFF
        if offset in (self.SYST_CSR, self.SYST_RVR, self.SYST_CVR):  # counting starts afresh
            self._started, self._laps = self._cycles(), 0
            self.registers[self.SYST_CVR] = 0
        if offset == self.MPU_RASR:
            number = self.registers.get(self.MPU_RNR, 0)
            self._regions[number] = (self.registers.get(self.MPU_RBAR, 0), value)
        if offset == self.CCR:
            self._trap_zero(bool(value & 1 << 4))

    def guarded(self, address: int) -> bool:
        """True when the MPU forbids `address`: only told for addresses that hold no memory.

        Unicorn does not check the MPU, so a region over memory guards nothing here.
        """
        if not self.registers.get(self.MPU_CTRL, 0) & 1:
            return False
        for base, attributes in self._regions.values():
            size = 2 << (attributes >> 1 & 31)
            if attributes & 1 and base & -size == address & -size:
                return True
        return False
