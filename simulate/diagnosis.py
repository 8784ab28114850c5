"""What stopped the emulator, in the words of the architecture, and the way into its handler."""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import Uc, UcError
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc

from simulate.cores import EmulatedCore
from simulate.counting import ZERO_DIVISION
from simulate.devices.device import View
from simulate.devices.system import SystemControl
from simulate.elf import Elf
from simulate.exceptions import FRAME
from simulate.faults import (
    DACCVIOL,
    DIVBYZERO,
    IBUSERR,
    INVSTATE,
    MSTKERR,
    PRECISERR,
    STKERR,
    STKOF,
    UNDEFINSTR,
    Trouble,
)

_BREAKPOINT, _STACK_LIMIT = 7, 19
"""What Unicorn's interrupt hook gets for BKPT, and for a stack pointer below its limit."""


@dataclass
class Stop:
    """What Unicorn told when it stopped.

    Attributes:
        error: what it raised.
        invalid: (kind, address, size) of an access that failed.
        interrupt: number of an exception that it leaves to its caller.
    """

    error: UcError | None = None
    invalid: tuple[int, int, int] | None = None
    interrupt: int | None = None


def diagnose(
    stop: Stop, reason: int, here: int, xpsr: int, elf: Elf, system: SystemControl
) -> Trouble | None:
    """What a real core would call this; None when it is nothing that a core knows.

    Args:
        stop: what Unicorn told.
        reason: why the counter stopped the machine, or 0.
        here: the program counter.
        xpsr: the program status.
        elf: for the names of addresses.
        system: for the MPU.
    """
    if reason == ZERO_DIVISION:
        return Trouble("division by zero", 6, DIVBYZERO)
    if stop.error is not None and stop.invalid is not None:
        kind, address, size = stop.invalid
        low = elf.symbols.get("__stack_limit", 0)
        deep = "stack overflow: " if low - 4096 <= address < low else ""
        where = elf.locate(address)
        name = "" if where.startswith("0x") else f" ({where})"
        if kind in (uc.UC_MEM_FETCH_UNMAPPED, uc.UC_MEM_FETCH_PROT):
            return Trouble(f"jump to 0x{address:08x}, which holds no code", 5, IBUSERR, address)
        what = {
            uc.UC_MEM_READ_UNMAPPED: f"read of {size} bytes at unmapped 0x{address:08x}",
            uc.UC_MEM_WRITE_UNMAPPED: f"write of {size} bytes to unmapped 0x{address:08x}",
            uc.UC_MEM_WRITE_PROT: f"write of {size} bytes to flash at 0x{address:08x}{name}",
        }.get(kind, f"bad access to 0x{address:08x}")
        if system.guarded(address):
            return Trouble(deep + what, 4, DACCVIOL, address)
        return Trouble(deep + what, 5, PRECISERR, address)
    if stop.error is not None and stop.error.errno in (uc.UC_ERR_INSN_INVALID, uc.UC_ERR_EXCEPTION):
        if not xpsr & 1 << 24:
            return Trouble(f"jump to even address 0x{here:08x}", 6, INVSTATE)
        return Trouble("undefined instruction", 6, UNDEFINSTR)
    if stop.interrupt == _STACK_LIMIT:
        return Trouble("stack overflow: the stack pointer passed its limit", 6, STKOF)
    if stop.interrupt == _BREAKPOINT:
        return Trouble("breakpoint instruction", 3, 0, hfsr=1 << 31)
    if stop.interrupt is not None:
        return Trouble(f"unexpected exception {stop.interrupt}", 11, 0)
    return None


def enter_fault(
    trouble: Trouble,
    pc: int,
    engine: Uc,
    system: SystemControl,
    view: View,
    core: EmulatedCore,
) -> int | None:
    """Stack a frame and set the fault registers (Armv7-M ARM B1.5.6); returns the exception.

    It is None where the core locks up: Armv6-M (DDI 0419, B1.5.11) has no other exception to take
    when the frame of a HardFault finds no memory.
    """
    stack = int(engine.reg_read(arm.UC_ARM_REG_SP))
    values = [int(engine.reg_read(register)) for register in FRAME]
    values[6] = pc & ~1
    if not trouble.cfsr & INVSTATE:
        values[7] |= 1 << 24
    exception, hfsr, cfsr = trouble.exception, trouble.hfsr, trouble.cfsr
    # Stacked registers of the FPU are above the eight words and nobody reads them.
    frame = (stack & ~7) - 32
    try:
        view(frame, 32).view("<u4")[:] = values
    except ValueError:
        if not core.faults:
            return None
        if not cfsr & STKOF:  # else nothing is stacked, and that is no fault
            cfsr |= MSTKERR if exception == 4 else STKERR
    if exception in (4, 5, 6) and not system.read(system.SHCSR) >> (exception + 12) & 1:
        exception, hfsr = 3, hfsr | 1 << 30  # escalated
    registers = system.registers
    registers[system.CFSR] = registers.get(system.CFSR, 0) | cfsr
    registers[system.HFSR] = registers.get(system.HFSR, 0) | hfsr
    registers[system.ICSR] = exception
    if trouble.address is not None and cfsr & PRECISERR == PRECISERR:
        registers[system.BFAR] = trouble.address
    if trouble.address is not None and cfsr & DACCVIOL == DACCVIOL:
        registers[system.MMFAR] = trouble.address
    engine.reg_write(arm.UC_ARM_REG_SP, frame & 0xFFFFFFFF)
    engine.reg_write(arm.UC_ARM_REG_LR, 0xFFFFFFF9)
    return exception
