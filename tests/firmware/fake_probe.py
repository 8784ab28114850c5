"""A debug probe for pyOCD with an nRF52840 behind it, made of registers.

pyOCD talks to it as to a probe on USB: reads and writes of the debug port and of two access ports
(Arm IHI 0031, ADIv5: DP in chapter B2, MEM-AP in chapter C2). Behind the MEM-AP lie RAM, flash with
its controller (nRF52840 product specification, "NVMC"), FICR, and a core whose debug registers
(Armv7-M manual, section C1.6) start and stop an emulated Cortex-M4. So pyOCD's own flash algorithm
runs there instruction by instruction, and only the controller changes flash: it clears bits when
writing is enabled and sets them when a page is erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import unicorn
from pyocd.core.exceptions import ProbeDisconnected, TransferFaultError
from pyocd.probe.debug_probe import DebugProbe
from unicorn import arm_const

FLASH, RAM, PAGE = 1 << 20, 1 << 18, 4096
_RAM_BASE = 0x20000000
_NVMC, _WDT, _FICR = 0x4001E000, 0x40010000, 0x10000000
_READY, _CONFIG, _ERASEPAGE, _ERASEALL = 0x400, 0x504, 0x508, 0x50C
_CPUID, _AIRCR, _DHCSR, _DCRSR, _DCRDR = 0xE000ED00, 0xE000ED0C, 0xE000EDF0, 0xE000EDF4, 0xE000EDF8
_S_REGRDY, _S_HALT, _S_RESET_ST = 1 << 16, 1 << 17, 1 << 25
_ROM, _SCS = 0xE00FF000, 0xE000E000
_CORE_REGISTERS = [getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(13)] + [
    arm_const.UC_ARM_REG_SP,
    arm_const.UC_ARM_REG_LR,
    arm_const.UC_ARM_REG_PC,
    arm_const.UC_ARM_REG_XPSR,
]


def _component(part: int, kind: int) -> dict[int, int]:
    """PIDR and CIDR of a CoreSight component designed by Arm (ADIv5, chapter D1)."""
    pidr = {0xFD0: 4, 0xFE0: part & 0xFF, 0xFE4: 0xB0 | part >> 8, 0xFE8: 0x0B, 0xFEC: 0}
    cidr = {0xFF0: 0x0D, 0xFF4: kind << 4, 0xFF8: 0x05, 0xFFC: 0xB1}
    return {**pidr, **cidr}


class Chip:
    """The nRF52840 as a debugger sees it.

    Attributes:
        part: FICR.INFO.PART.
        cpuid: of the core.
        stuck: bytes of flash that keep their erased value.
        locked: APPROTECT of the control access port.
        erased_pages: pages erased so far.
        resets: how often it was reset.
        halted: whether the core stands.
        ports: access ports, 2 on an nRF52840.
        unplug_after: words read until the cable is pulled.
    """

    def __init__(self, part: int = 0x52840, cpuid: int = 0x410FC241, ports: int = 2) -> None:
        self.part, self.cpuid, self.ports = part, cpuid, ports
        self.flash = bytearray(b"\xff" * FLASH)
        self.stuck: set[int] = set()
        self.locked = False
        self.erased_pages: list[int] = []
        self.resets = 0
        self.unplug_after: int | None = None
        self.halted, self._was_reset, self._data = False, True, 0
        self._writable = 0
        self._words: dict[int, int] = {}
        for at, value in _component(0x00C, 0xE).items():
            self._words[_SCS + at] = value
        for at, value in _component(0x4C4, 0x1).items():
            self._words[_ROM + at] = value
        self._words[_ROM] = (_SCS - _ROM) & 0xFFFFF000 | 3  # present, 32-bit format
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._uc.mem_map(_RAM_BASE, RAM)
        self._uc.mmio_map(0, FLASH, self._flash_read, None, self._flash_write, None)
        self._uc.mmio_map(_NVMC, PAGE, self._nvmc_read, None, self._nvmc_write, None)
        # The watchdog, which the flash algorithm feeds when it runs; RUNSTATUS says it does not.
        self._uc.mmio_map(_WDT, PAGE, lambda *_: 0, None, None, None)
        self._uc.mmio_map(_FICR, 2 * PAGE, self._info_read, None, None, None)

    def read(self, address: int) -> int:
        """A word, as the MEM-AP reads it."""
        if self.unplug_after is not None:
            self.unplug_after -= 1
            if self.unplug_after < 0:
                raise ProbeDisconnected("USB device is gone")
        if address >= 0xE0000000:
            return self._system_read(address)
        try:
            return int.from_bytes(self._uc.mem_read(address, 4), "little")
        except unicorn.UcError as error:
            raise TransferFaultError("no memory", fault_address=address) from error

    def write(self, address: int, value: int, size: int) -> None:
        """`size` bytes, as the MEM-AP writes them."""
        if address >= 0xE0000000:
            self._system_write(address, value)
            return
        try:
            self._uc.mem_write(address, value.to_bytes(size, "little"))
        except unicorn.UcError as error:
            raise TransferFaultError("no memory", fault_address=address) from error

    def erase_all(self) -> None:
        """What the control access port's ERASEALL does."""
        self.flash[:] = b"\xff" * FLASH
        self.locked = False

    def _system_read(self, address: int) -> int:
        if address == _DHCSR:
            state = _S_REGRDY | (_S_HALT if self.halted else 0)
            state |= _S_RESET_ST if self._was_reset else 0
            self._was_reset = False
            return state | self._words.get(address, 0) & 0xFFFF
        if address == _DCRDR:
            return self._data
        return self.cpuid if address == _CPUID else self._words.get(address, 0)

    def _system_write(self, address: int, value: int) -> None:
        self._words[address] = value
        if address == _DCRDR:
            self._data = value
        elif address == _DCRSR and value & 0x7F < len(_CORE_REGISTERS):
            register = _CORE_REGISTERS[value & 0x7F]
            if value & 1 << 16:
                self._uc.reg_write(register, self._data)
            else:
                self._data = self._uc.reg_read(register)
        elif address == _DHCSR and value >> 16 == 0xA05F:
            halt = bool(value & 2)
            if self.halted and not halt and value & 1:
                self._run()
            else:
                self.halted = halt
        elif address == _AIRCR and value >> 16 == 0x05FA and value & 4:
            self.resets += 1
            self._was_reset, self._writable = True, 0
            self.halted = bool(self._words.get(0xE000EDFC, 0) & 1)  # DEMCR.VC_CORERESET

    def _run(self) -> None:
        """From PC to the breakpoint that the debugger put where the function returns."""
        stop = self._uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1
        if self._uc.mem_read(stop, 2)[1] != 0xBE:
            self.halted = False  # the program on the chip runs, which here means nothing
            return
        self._uc.emu_start(self._uc.reg_read(arm_const.UC_ARM_REG_PC) | 1, stop, count=10_000_000)
        assert self._uc.reg_read(arm_const.UC_ARM_REG_PC) == stop
        self.halted = True

    def _flash_read(self, _: object, at: int, size: int, __: object) -> int:
        return int.from_bytes(self.flash[at : at + size], "little")

    def _flash_write(self, _: object, at: int, size: int, value: int, __: object) -> None:
        assert self._writable == 1, "flash is written with CONFIG.WEN off"
        for offset, byte in enumerate(value.to_bytes(size, "little")):
            if at + offset not in self.stuck:
                self.flash[at + offset] &= byte

    def _nvmc_read(self, _: object, at: int, size: int, __: object) -> int:
        return 1 if at == _READY else self._writable if at == _CONFIG else 0

    def _nvmc_write(self, _: object, at: int, size: int, value: int, __: object) -> None:
        if at == _CONFIG:
            self._writable = value
        elif at == _ERASEPAGE:
            assert self._writable == 2, "a page is erased with CONFIG.EEN off"
            self.erased_pages.append(value // PAGE)
            self.flash[value : value + PAGE] = b"\xff" * PAGE
        elif at == _ERASEALL and value == 1:
            self.erase_all()

    def _info_read(self, _: object, at: int, size: int, __: object) -> int:
        words = {0x100: self.part, 0x104: 0x41414630, 0x108: 0x2004, 0x10: PAGE, 0x14: 256}
        return words.get(at, 0xFFFFFFFF)


@dataclass
class Desk:
    """What is plugged in: serial number -> chip."""

    chips: dict[str, Chip] = field(default_factory=dict)


DESK = Desk()


class FakeProbe(DebugProbe):
    """A probe on the desk, as pyOCD's plug-ins are written."""

    def __init__(self, serial: str) -> None:
        super().__init__()
        self._serial, self._chip = serial, DESK.chips[serial]
        self._open, self._protocol = False, None
        self._select, self._power = 0, 0
        self._csw, self._tar = 0x23000052, 0

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> Sequence[DebugProbe]:
        return [cls(serial) for serial in DESK.chips]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        return cls(unique_id) if unique_id in DESK.chips else None

    vendor_name = property(lambda self: "Desk")
    product_name = property(lambda self: "probe of registers")
    unique_id = property(lambda self: self._serial)
    supported_wire_protocols = property(lambda self: [self.Protocol.DEFAULT, self.Protocol.SWD])
    wire_protocol = property(lambda self: self._protocol)
    is_open = property(lambda self: self._open)
    capabilities = property(lambda self: {self.Capability.SWJ_SEQUENCE})

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: object = None) -> None:
        self._protocol = self.Protocol.SWD

    def disconnect(self) -> None:
        self._protocol = None

    def set_clock(self, frequency: float) -> None:
        pass

    def reset(self) -> None:
        self._chip.write(_AIRCR, 0x05FA0004, 4)

    def assert_reset(self, asserted: bool) -> None:
        if not asserted:
            self.reset()

    def is_reset_asserted(self) -> bool:
        return False

    def read_dp(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        # DPIDR (SW-DP version 1, Arm), CTRL/STAT with the power-up acknowledgements, RDBUFF.
        value = {0: 0x2BA01477, 4: self._power | self._power << 1 & 0xA0000000}.get(addr, 0)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        if addr == 4:
            self._power = data & 0x50000F00
        elif addr == 8:
            self._select = data

    def read_ap(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        value = self._read_ap(addr)
        return value if now else lambda: value

    def _read_ap(self, addr: int) -> int:
        ap, register = self._select >> 24, self._select & 0xF0 | addr & 0xC
        if ap >= self._chip.ports:
            return 0
        if ap == 1:  # the nRF's CTRL-AP: APPROTECTSTATUS and IDR
            return {0x0C: int(not self._chip.locked), 0xFC: 0x02880000}.get(register, 0)
        if register == 0x0C:  # DRW
            if self._chip.locked:
                raise TransferFaultError("access port is locked", fault_address=self._tar)
            value = self._chip.read(self._tar & ~3)
            self._increment()
            return value
        return {0x00: self._csw | 0x40, 0x04: self._tar, 0xF8: _ROM | 3, 0xFC: 0x24770011}.get(
            register, 0
        )

    def write_ap(self, addr: int, data: int) -> None:
        ap, register = self._select >> 24, self._select & 0xF0 | addr & 0xC
        if ap == 1 and register == 4 and data == 1:
            self._chip.erase_all()
        elif ap == 0 and register == 0x00:
            self._csw = data
        elif ap == 0 and register == 0x04:
            self._tar = data
        elif ap == 0 and register == 0x0C:
            size = 1 << (self._csw & 3)
            lane = data >> 8 * (self._tar & 3) & (1 << 8 * size) - 1
            self._chip.write(self._tar, lane, size)
            self._increment()

    def _increment(self) -> None:
        """TAR moves on after an access, when CSW asks for it."""
        if self._csw & 0x10:
            self._tar += 1 << (self._csw & 3)

    def read_ap_multiple(
        self, addr: int, count: int = 1, now: bool = True
    ) -> Sequence[int] | Callable[[], Sequence[int]]:
        values = [self._read_ap(addr) for _ in range(count)]
        return values if now else lambda: values

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)
