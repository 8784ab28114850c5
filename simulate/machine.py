"""An emulated Cortex-M board that runs the real ELF from the real reset vector.

Unicorn executes the instructions; around it stand the board's memory, its UART, SysTick and the
system control block, and exception entry for faults, which Unicorn leaves to its caller. Code that
never faults sees no difference to QEMU; code that faults reaches the firmware's own handler, whose
report is part of the `CortexMFault` that is raised.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc, UcError
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc

from convert.errors import UserError
from firmware.image import Image
from simulate.counting import LIMIT, TOO_DEEP, ZERO_DIVISION, Counter, Scope
from simulate.elf import Elf
from simulate.faults import (
    DACCVIOL,
    DIVBYZERO,
    IBUSERR,
    INVSTATE,
    MSTKERR,
    PRECISERR,
    STKERR,
    UNDEFINSTR,
    CortexMFault,
    Trouble,
)
from simulate.peripherals import SystemControl, Uart

STACK_PAINT = 0xC5A5C5A5
"""What start-up fills unused stack with: WS_STACK_PAINT in ws_cortexm.h."""

HOST_WINDOW = 0x9000_0000
"""Extra memory for arguments of `Machine.call`, in the external RAM range, not on any board."""

_HOST_WINDOW_SIZE = 0x0020_0000
_SCS = 0xE000_E000
_RETURN = HOST_WINDOW + _HOST_WINDOW_SIZE - 4
_BOOT_LIMIT = 1_000_000_000
_SLEEP = "ws_board_sleep"
_FAULT_LIMIT = 2_000_000

# Unicorn model and CPUID (Armv7-M ARM B3.2.3) by core.
_MODELS: dict[str, tuple[int, int]] = {"cortex-m4f": (arm.UC_CPU_ARM_CORTEX_M4, 0x410FC240)}

_FRAME_REGISTERS = (
    *(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3),
    *(arm.UC_ARM_REG_R12, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_XPSR),
)


class Machine:
    """One board with one firmware image.

    Args:
        image: the firmware.
        scopes: names of functions to be counted with everything they call.
        copies: scope name -> (address, size) of memory to keep a copy of when it returns.

    Raises:
        UserError: the board has a core that is not emulated.
    """

    def __init__(
        self,
        image: Image,
        scopes: Sequence[str] = (),
        copies: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        board = image.board
        if board.core.name not in _MODELS:
            raise UserError(
                f"The emulator must know the board's core ({', '.join(_MODELS)}). Received: "
                f"{board.core.name} of {board.name}. Leave the back end cortex-m out."
            )
        model, cpuid = _MODELS[board.core.name]
        self.image = image
        self.elf = Elf(image.elf)
        self.scope_names = tuple(scopes)
        self.copies: dict[str, NDArray[np.uint8]] = {}
        self._flash = _memory(board.flash_size)
        self._ram = _memory(board.ram_size)
        self._window = _memory(_HOST_WINDOW_SIZE)
        self._engine = Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        self._engine.ctl_set_cpu_model(model)
        read, write = uc.UC_PROT_READ, uc.UC_PROT_WRITE
        run = uc.UC_PROT_EXEC
        for memory, origin, access in (
            (self._flash, board.flash_origin, read | run),
            (self._ram, board.ram_origin, read | write | run),
            (self._window, HOST_WINDOW, read | write),
        ):
            self._engine.mem_map_ptr(origin, memory.size, access, memory.ctypes.data)
        for address, data in self.elf.segments:
            start = address - board.flash_origin
            if not 0 <= start <= self._flash.size - len(data):
                raise ValueError(f"0x{address:08x} is outside the flash of {board.name}")
            self._flash[start : start + len(data)] = np.frombuffer(data, np.uint8)
        self._invalid: tuple[int, int, int] | None = None
        self._interrupt: int | None = None
        self._idle_ms = 0
        self._patience_ms = 0
        self._waiting = False
        self.console = Uart()
        self._map_uart(board.console_uart, self.console)
        wanted = copies or {}
        self.counter = Counter(
            *(self._engine, self.elf, self._flash, board.flash_origin),
            [self._scope(name, wanted.get(name)) for name in scopes],
        )
        self.system = SystemControl(self._cycles, self.counter.trap_zero, cpuid)
        self._engine.mmio_map(
            *(_SCS, 0x1000),
            *(lambda _e, offset, _s, _u: self.system.read(offset), None),
            *(lambda _e, offset, _s, value, _u: self.system.write(offset, value), None),
        )
        self._engine.hook_add(uc.UC_HOOK_MEM_INVALID, self._on_invalid)
        self._engine.hook_add(uc.UC_HOOK_INTR, self._on_interrupt)
        sleep = self.elf.symbols[_SLEEP]
        self._engine.hook_add(uc.UC_HOOK_CODE, self._on_sleep, None, sleep, sleep)
        self._start: tuple[NDArray[np.uint8], Any, dict[int, int]] | None = None

    # --- running ---

    def reset(self) -> None:
        """Begin at the reset vector with noise-free memory: zeros, as QEMU has it."""
        self._ram[:] = 0
        self.system.reset()
        self.console.clear()
        self.counter.clear()
        self._idle_ms = 0
        stack, entry = self._flash[:8].view("<u4")
        for register in range(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R12 + 1):
            self._engine.reg_write(register, 0)
        self._engine.reg_write(arm.UC_ARM_REG_SP, int(stack))
        self._engine.reg_write(arm.UC_ARM_REG_LR, 0xFFFFFFFF)
        self._engine.reg_write(arm.UC_ARM_REG_PC, int(entry) | 1)

    def boot(self, limit: int = _BOOT_LIMIT) -> str:
        """Reset and run until the firmware waits for input; returns what it printed.

        The state is kept, so that `restore` comes back to it.
        """
        self.reset()
        self.run(limit)
        used = max(
            (s.address + s.size for s in self.image.sections if s.place in ("data", "zero")),
            default=self.image.board.ram_origin + self.image.stack_bytes,
        )
        end = min(max(used - self.image.board.ram_origin, 0), self._ram.size)
        registers = dict(self.system.registers)
        self._start = (self._ram[:end].copy(), self._engine.context_save(), registers)
        return self.text()

    def restore(self) -> None:
        """Back to the state after `boot`: registers, stack, data. Counts and texts are kept."""
        if self._start is None:
            self.boot()
            return
        ram, context, registers = self._start
        self._ram[: ram.size] = ram
        self.system.registers = dict(registers)
        self._engine.context_restore(context)

    def run(self, limit: int = _BOOT_LIMIT, patience_ms: int = 0) -> None:
        """Go on from where the machine stands until the firmware waits for input.

        Args:
            limit: instructions after which it counts as running away.
            patience_ms: emulated milliseconds that may pass while the firmware waits for input;
                a wait costs no instructions of yours to emulate, time jumps.

        Raises:
            CortexMFault: a fault, or the limit was reached.
        """
        self._patience_ms = patience_ms
        self._go(self._engine.reg_read(arm.UC_ARM_REG_PC), _RETURN, limit)

    def call(self, name: str, *arguments: int, limit: int = 4_000_000_000) -> int:
        """Call a function as `main` would, on top of the present stack; returns r0.

        Args:
            name: symbol of the function.
            arguments: up to four 32-bit values.
            limit: as for `run`.

        Raises:
            KeyError: the firmware has no such function.
            CortexMFault: as for `run`.
        """
        entry = self.elf.symbols[name]
        engine = self._engine
        stack = engine.reg_read(arm.UC_ARM_REG_SP)
        engine.reg_write(arm.UC_ARM_REG_SP, stack & ~7)
        engine.reg_write(arm.UC_ARM_REG_LR, _RETURN | 1)
        for number, value in enumerate(arguments[:4]):
            engine.reg_write(arm.UC_ARM_REG_R0 + number, value & 0xFFFFFFFF)
        self._patience_ms = 0
        self._go(entry, _RETURN, limit)
        engine.reg_write(arm.UC_ARM_REG_SP, stack)
        return int(engine.reg_read(arm.UC_ARM_REG_R0))

    # --- looking inside ---

    def text(self) -> str:
        """What the console has printed since the last reset."""
        return self.console.sent.decode("utf-8", "replace")

    def view(self, address: int, nbytes: int) -> NDArray[np.uint8]:
        """The bytes at `address` in RAM, flash or the host window, not copied."""
        board = self.image.board
        for origin, memory in (
            (board.ram_origin, self._ram),
            (board.flash_origin, self._flash),
            (HOST_WINDOW, self._window),
        ):
            start = address - origin
            if start >= 0 and start + nbytes <= memory.size:
                return memory[start : start + nbytes]
        raise ValueError(f"0x{address:08x} plus {nbytes} bytes is not in the board's memory")

    def symbol_view(self, name: str, nbytes: int) -> NDArray[np.uint8]:
        """The bytes of an object, not copied."""
        return self.view(self.elf.symbols[name], nbytes)

    def stack_used(self) -> int:
        """Bytes of stack touched since reset: from the lowest word that is not paint."""
        words = self.symbol_view("__stack_limit", self.image.stack_bytes).view("<u4")
        touched = np.flatnonzero(words != STACK_PAINT)
        return int(words.size - touched[0]) * 4 if touched.size else 0

    def repaint(self) -> None:
        """Paint the stack below the stack pointer again, to measure one call alone."""
        low = self.elf.symbols["__stack_limit"]
        free = int(self._engine.reg_read(arm.UC_ARM_REG_SP)) - low
        if free > 0:
            self.view(low, free // 4 * 4).view("<u4")[:] = STACK_PAINT

    # --- inside ---

    def _scope(self, name: str, copy: tuple[int, int] | None) -> Scope:
        if name not in self.elf.symbols:
            raise KeyError(f"the firmware has no function {name}")
        address = self.elf.symbols[name]
        if copy is None:
            return Scope(address)
        self.copies[name] = np.zeros(copy[1], np.uint8)
        source = self.view(*copy)
        return Scope(address, source.ctypes.data, self.copies[name].ctypes.data, copy[1])

    def _map_uart(self, base: int, uart: Uart) -> None:
        self._engine.mmio_map(
            *(base, 0x1000),
            *(lambda _e, offset, _s, _u: uart.read(offset), None),
            *(lambda _e, offset, _s, value, _u: uart.write(offset, value), None),
        )

    def _cycles(self) -> int:
        """Time since reset in clock cycles: one per instruction, and those that were slept."""
        return self._idle_ms * (self.image.board.clock_hz // 1000) + self.counter.total

    def _on_sleep(self, _e: Uc, _address: int, _size: int, _u: object) -> None:
        """The firmware has nothing to do: let time pass, or stop."""
        if self.console.unread:
            return
        if self._patience_ms > 0:
            self._patience_ms -= 1
            self._idle_ms += 1
        else:
            self._waiting = True
            self._engine.emu_stop()

    def _on_invalid(self, _e: Uc, kind: int, address: int, size: int, _v: int, _u: object) -> bool:
        self._invalid = (kind, address, size)
        return False

    def _on_interrupt(self, _e: Uc, number: int, _u: object) -> None:
        self._interrupt = number
        self._engine.emu_stop()

    def _go(self, pc: int, until: int, limit: int) -> None:
        """Run; returns at `until` or when the firmware waits; raises on anything else."""
        self._invalid = self._interrupt = None
        self._waiting = False
        self.counter.arm(limit)
        error: UcError | None = None
        try:
            self._engine.emu_start(pc | 1, until)
        except UcError as caught:
            error = caught
        here = int(self._engine.reg_read(arm.UC_ARM_REG_PC))
        stopped = self.counter.stopped
        if error is None and not stopped and self._interrupt is None:
            if self._waiting:
                return
            if here & ~1 == until:
                self.counter.close_scopes()
                return
        self.counter.drop_scopes()
        if stopped == LIMIT:
            self._raise(f"no end after {limit:,} instructions", here, None, "")
        if stopped == TOO_DEEP:
            raise RuntimeError("counted functions are nested more than 32 deep")
        trouble = self._diagnose(error, here, stopped)
        if trouble is None:
            raise RuntimeError(f"the emulator stopped at 0x{here:08x} without a reason: {error}")
        self._fault(trouble, here)

    def _diagnose(self, error: UcError | None, here: int, stopped: int) -> Trouble | None:
        """What a real core would call this."""
        if stopped == ZERO_DIVISION:
            return Trouble("division by zero", 6, DIVBYZERO)
        if error is not None and self._invalid is not None:
            kind, address, size = self._invalid
            low = self.elf.symbols.get("__stack_limit", 0)
            deep = "stack overflow: " if low - 4096 <= address < low else ""
            where = self.elf.locate(address)
            name = "" if where.startswith("0x") else f" ({where})"
            if kind in (uc.UC_MEM_FETCH_UNMAPPED, uc.UC_MEM_FETCH_PROT):
                return Trouble(f"jump to 0x{address:08x}, which holds no code", 5, IBUSERR, address)
            what = {
                uc.UC_MEM_READ_UNMAPPED: f"read of {size} bytes at unmapped 0x{address:08x}",
                uc.UC_MEM_WRITE_UNMAPPED: f"write of {size} bytes to unmapped 0x{address:08x}",
                uc.UC_MEM_WRITE_PROT: f"write of {size} bytes to flash at 0x{address:08x}{name}",
            }.get(kind, f"bad access to 0x{address:08x}")
            if self.system.guarded(address):
                return Trouble(deep + what, 4, DACCVIOL, address)
            return Trouble(deep + what, 5, PRECISERR, address)
        if error is not None and error.errno in (uc.UC_ERR_INSN_INVALID, uc.UC_ERR_EXCEPTION):
            if not int(self._engine.reg_read(arm.UC_ARM_REG_XPSR)) & 1 << 24:
                return Trouble(f"jump to even address 0x{here:08x}", 6, INVSTATE)
            return Trouble("undefined instruction", 6, UNDEFINSTR)
        if self._interrupt == 7:
            return Trouble("breakpoint instruction", 3, 0, hfsr=1 << 31)
        if self._interrupt is not None:
            return Trouble(f"unexpected exception {self._interrupt}", 11, 0)
        return None

    def _fault(self, trouble: Trouble, pc: int) -> None:
        """Enter the firmware's handler as the core would (Armv7-M ARM B1.5.6), then raise."""
        engine, system = self._engine, self.system
        stack = int(engine.reg_read(arm.UC_ARM_REG_SP))
        link = int(engine.reg_read(arm.UC_ARM_REG_LR))
        values = [int(engine.reg_read(register)) for register in _FRAME_REGISTERS]
        values[6] = pc & ~1
        if not trouble.cfsr & INVSTATE:
            values[7] |= 1 << 24
        self._invalid = None
        halt = self.elf.symbols.get("ws_fault_halt")
        report = ""
        if halt is not None:
            exception, hfsr, cfsr = trouble.exception, trouble.hfsr, trouble.cfsr
            # Stacked registers of the FPU are above the eight words and nobody reads them.
            frame = (stack & ~7) - 32
            try:
                self.view(frame, 32).view("<u4")[:] = values
            except ValueError:
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
            vectors = self.view(system.read(system.VTOR) or self.image.board.flash_origin, 64)
            before = len(self.console.sent)
            self.counter.arm(_FAULT_LIMIT)
            try:
                engine.emu_start(int(vectors.view("<u4")[exception]) | 1, halt)
            except UcError as error:
                self.console.sent += f"\nthe fault handler failed: {error}\n".encode()
            report = self.console.sent[before:].decode("utf-8", "replace")
        jumped = bool(trouble.cfsr & (IBUSERR | INVSTATE))
        self._raise(trouble.reason, pc & ~1, trouble.address, report, link, jumped)

    def _raise(
        self,
        reason: str,
        pc: int,
        address: int | None,
        report: str,
        link: int = 0,
        jumped: bool = False,
    ) -> None:
        pc &= ~1
        caller = "outside"
        if 0 < link < 0xF0000000 and link & ~1 != _RETURN:
            caller = self.elf.locate(link & ~1)
        symbol = self.elf.locate(pc)
        if jumped and caller != "outside":  # there is no code at pc: blame who went there
            symbol = caller
        raise CortexMFault(reason, pc, symbol, address, caller, report)


def _memory(size: int) -> NDArray[np.uint8]:
    """Zeroed, page-aligned, not touched until used."""
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)
