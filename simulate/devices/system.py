"""The system control space: system control block, MPU, and the doors to SysTick and NVIC."""

from __future__ import annotations

from collections.abc import Callable

from simulate.devices.device import Device
from simulate.devices.systick import CALIB, SysTick
from simulate.devices.systick import CSR as SYST_CSR
from simulate.interrupts import PENDSV, SYSTICK, Interrupts


class SystemControl(Device):
    """System Control Block and MPU (Armv7-M ARM, DDI 0403, B3.2 and B3.5), as far as used.

    Registers that are not named here read back what was written.

    Args:
        timer: SysTick.
        interrupts: the NVIC's state.
        trap_zero: told when CCR.DIV_0_TRP changes.
        cpuid: the core's.
    """

    CPUID, ICSR, VTOR, CCR, SHCSR = 0xD00, 0xD04, 0xD08, 0xD14, 0xD24
    SHPR1, SHPR3 = 0xD18, 0xD20
    CFSR, HFSR, MMFAR, BFAR = 0xD28, 0xD2C, 0xD34, 0xD38
    MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR = 0xD90, 0xD94, 0xD98, 0xD9C, 0xDA0
    AIRCR = 0xD0C

    def __init__(
        self,
        timer: SysTick,
        interrupts: Interrupts,
        trap_zero: Callable[[bool], None],
        cpuid: int,
        restart: Callable[[str], None],
    ) -> None:
        self._timer = timer
        self._interrupts = interrupts
        self._trap_zero = trap_zero
        self._cpuid = cpuid
        self._restart = restart
        self.registers: dict[int, int] = {}
        self._regions: dict[int, tuple[int, int]] = {}

    def reset(self) -> None:
        """Values after reset."""
        self.registers = {self.CPUID: self._cpuid, self.MPU_TYPE: 8 << 8, self.CCR: 1 << 9}
        self._regions = {}
        self._trap_zero(False)
        self._timer.reset()
        self._interrupts.reset()

    def read(self, offset: int, size: int = 4) -> int:
        """The firmware reads a register (or Python looks at one)."""
        if SYST_CSR <= offset <= CALIB:
            return self._timer.read(offset)
        if 0x100 <= offset < 0x800:
            return self._interrupts.read(offset, size)
        if self.SHPR1 <= offset < self.SHPR3 + 4:
            # Priorities of exceptions 4 to 15, one byte each.
            return self._interrupts.priorities(offset - self.SHPR1 + 4, size)
        if offset == self.ICSR and offset not in self.registers:
            return self._interrupts.state()
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int, size: int = 4) -> None:
        """The firmware writes a register."""
        if offset == self.CPUID:
            return
        if SYST_CSR <= offset <= CALIB:
            self._timer.write(offset, value)
            return
        if 0x100 <= offset < 0x800 or offset == 0xF00:
            self._interrupts.write(offset, value, size)
            return
        if self.SHPR1 <= offset < self.SHPR3 + 4:
            self._interrupts.set_priorities(offset - self.SHPR1 + 4, value, size)
            return
        if offset == self.ICSR:  # B3.2.4: bits 28 to 25 set and clear PendSV and SysTick
            for bit, number, pends in (
                *((28, PENDSV, True), (27, PENDSV, False)),
                *((26, SYSTICK, True), (25, SYSTICK, False)),
            ):
                if value >> bit & 1:
                    self._interrupts.pend(number, pends)
            return
        if offset == self.AIRCR:  # B3.2.6: VECTKEY, SYSRESETREQ
            if value >> 16 == 0x05FA and value & 4:
                self._restart("the firmware asked for it")
            return
        if offset in (self.CFSR, self.HFSR):  # bits are cleared by writing ones
            value = self.registers.get(offset, 0) & ~value
        self.registers[offset] = value & 0xFFFFFFFF
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
