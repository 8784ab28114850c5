"""An emulated Cortex-M board that runs the real ELF from the real reset vector.

Unicorn executes the instructions; what surrounds it is `simulate.hardware`. Here it is kept going:
interrupts, sleep, resets, and exception entry for faults, which Unicorn leaves to its caller. Code
that never faults sees no difference to QEMU; code that faults reaches the firmware's own handler,
whose report is part of the `CortexMFault` that is raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc, UcError
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc

from firmware.image import Image
from simulate.counting import EVENT, LIMIT, TOO_DEEP
from simulate.diagnosis import Stop, diagnose, enter_fault
from simulate.exceptions import EXIT
from simulate.faults import IBUSERR, INVPC, INVSTATE, STKERR, CortexMFault, Trouble
from simulate.hardware import NO_SCOPES, Hardware, Scopes
from simulate.memory import HOST_WINDOW, HOST_WINDOW_SIZE

_RETURN = HOST_WINDOW + HOST_WINDOW_SIZE - 4
_BOOT_LIMIT = 1_000_000_000
_SLEEP = "ws_board_sleep"
_FAULT_LIMIT = 2_000_000
_WFI = b"\x30\xbf"


class Machine(Hardware):
    """One board with one firmware image, and its run.

    Args:
        image: the firmware.
        scopes: as for `Hardware`.

    Raises:
        UserError: the board has a core that is not emulated.
    """

    def __init__(self, image: Image, scopes: Scopes = NO_SCOPES) -> None:
        super().__init__(image, scopes)
        self._stop = Stop()
        self._patience = self._limit = 0
        self._waiting = self._reporting = False
        self._engine.hook_add(uc.UC_HOOK_MEM_INVALID, self._on_invalid)
        self._engine.hook_add(uc.UC_HOOK_INTR, self._on_interrupt)
        sleep = self.elf.symbols.get(_SLEEP)
        if sleep is not None:
            self._engine.hook_add(uc.UC_HOOK_CODE, self._on_sleep, None, sleep, sleep)
        self._start: tuple[NDArray[np.uint8], Any, dict[int, int]] | None = None

    # --- running ---

    def reset(self) -> None:
        """Begin at the reset vector with noise-free memory: zeros, as QEMU has it."""
        self._memory.ram[:] = 0
        self.resets.clear()
        self.console.clear()
        self.counter.clear()
        self.clock.reset()
        self._reset_chip()

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
        end = min(max(used - self.image.board.ram_origin, 0), self._memory.ram.size)
        registers = dict(self.system.registers)
        self._start = (self._memory.ram[:end].copy(), self._engine.context_save(), registers)
        return self.text()

    def restore(self) -> None:
        """Back to the state after `boot`: registers, stack, data. Counts and texts are kept."""
        if self._start is None:
            self.boot()
            return
        ram, context, registers = self._start
        self._memory.ram[: ram.size] = ram
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
        self._patience = patience_ms * self.image.board.clock_hz // 1000
        self._go(self._engine.reg_read(arm.UC_ARM_REG_PC), _RETURN, limit)

    def run_for(self, milliseconds: int, limit: int = 1_000_000_000_000) -> None:
        """Go on for some emulated time, whatever the firmware waits for.

        Raises:
            CortexMFault: as for `run`.
            DeviceError: a driver and a device model do not agree.
        """
        cycles = milliseconds * self.image.board.clock_hz // 1000
        end = self.clock.at(self.clock.now() + cycles, self._end, outlives_reset=True)
        self._patience = cycles + 1
        self._go(self._engine.reg_read(arm.UC_ARM_REG_PC), _RETURN, limit)
        end.cancel()

    def call(self, name: str, *arguments: int, limit: int = 4_000_000_000) -> int:
        """Call a function as `main` would, on top of the present stack; returns r0.

        Meanwhile no interrupt is taken and no watchdog bites, as with a debugger.

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
        self._patience = 0
        self._called = True
        try:
            self._go(entry, _RETURN, limit)
        finally:
            self._called = False
        engine.reg_write(arm.UC_ARM_REG_SP, stack)
        return int(engine.reg_read(arm.UC_ARM_REG_R0))

    # --- inside ---

    def _on_sleep(self, _e: Uc, _address: int, _size: int, _u: object) -> None:
        """A firmware that must look at its UART has nothing to do: let time pass, or stop."""
        if not self.console.polled or self.console.unread:
            return
        millisecond = self.image.board.clock_hz // 1000
        if self._patience >= millisecond:
            self._patience -= millisecond
            self.clock.skip_to(self.clock.now() + millisecond)
        else:
            self._end()

    def _end(self) -> None:
        self._waiting = True
        self._engine.emu_stop()

    def _on_invalid(self, _e: Uc, kind: int, address: int, size: int, _v: int, _u: object) -> bool:
        self._stop.invalid = (kind, address, size)
        return False

    def _on_interrupt(self, _e: Uc, number: int, _u: object) -> None:
        self._stop.interrupt = number
        self._engine.emu_stop()

    def _go(self, pc: int, until: int, limit: int) -> None:
        """Run; returns at `until` or when the firmware waits; raises on anything else."""
        self._waiting = False
        self._limit = limit
        self.counter.arm(limit)
        go: int | None = pc
        while go is not None:
            go = self._stretch(go, until)

    def _stretch(self, pc: int, until: int) -> int | None:
        """Run until something is to be done, and do it; where to go on, or None at the end."""
        self._stop = Stop()
        self.counter.resume()
        try:
            self._engine.emu_start(pc | 1, until)
        except UcError as caught:
            self._stop.error = caught
        here = int(self._engine.reg_read(arm.UC_ARM_REG_PC))
        stopped = self.counter.stopped
        if self._disagreement is not None:
            raise self._disagreement
        if self._restart:
            return self._begin_again()
        if self._stop.error is None and stopped in (0, EVENT):
            if self._stop.interrupt == EXIT:
                return self._leave(here)
            if self._stop.interrupt is None:
                if not stopped and here & ~1 == until:
                    self.counter.close_scopes()
                    return None
                if self._waiting:
                    return None
                if stopped:
                    return self._proceed(here)
                if self.view(here - 2, 2).tobytes() == _WFI:
                    return self._sleep(here)
        self._give_up(here, stopped)
        return None

    def _proceed(self, pc: int) -> int | None:
        """Do what is due, and enter an exception that is to be taken now."""
        self.clock.run_due()
        if self._restart:
            return self._begin_again()
        if self._waiting:
            return None
        if self._called:  # main may be asleep with interrupts masked, and counts shall be its own
            return pc
        try:
            handler = self.exceptions.take(pc)
        except ValueError:
            self._fault(Trouble("stack overflow: an interrupt found no room", 5, STKERR), pc)
        if handler is not None:
            pc = handler
        self.counter.stop_at_unmask(self.exceptions.masked())
        return pc

    def _begin_again(self) -> int:
        self.resets.append(self._restart)
        self._restart = ""
        self._reset_chip()
        return int(self._engine.reg_read(arm.UC_ARM_REG_PC))

    def _leave(self, value: int) -> int | None:
        try:
            return self._proceed(self.exceptions.leave(value))
        except ValueError as error:
            self._fault(Trouble(str(error), 6, INVPC), value)
            return None

    def _sleep(self, pc: int) -> int | None:
        """WFI: time goes on to the next event until an exception ends the sleep (B1.5.19)."""
        while not self.exceptions.wakes():
            event = self.clock.next_event()
            now = self.clock.now()
            if not self.console.unread and not self.console.held:
                if event is None or event - now > self._patience:
                    self.clock.skip_to(now + self._patience)
                    self._patience = 0
                    return None
                self._patience -= max(event - now, 0)
            if event is None:
                return None
            self.clock.skip_to(event)
            self.clock.run_due()
            if self._waiting or self._restart:
                break
        return self._proceed(pc)

    def _give_up(self, here: int, stopped: int) -> None:
        if self._reporting:
            words = f"{self._stop.error or 'no end'}"
            self.console.sent += f"\nthe fault handler failed: {words}\n".encode()
            return
        self.counter.drop_scopes()
        if stopped == LIMIT:
            self._raise(f"no end after {self._limit:,} instructions", here, None, "")
        if stopped == TOO_DEEP:
            raise RuntimeError("counted functions are nested more than 32 deep")
        xpsr = int(self._engine.reg_read(arm.UC_ARM_REG_XPSR))
        trouble = diagnose(self._stop, stopped, here, xpsr, self.elf, self.system)
        if trouble is None:
            error = self._stop.error
            raise RuntimeError(f"the emulator stopped at 0x{here:08x} without a reason: {error}")
        self._fault(trouble, here)

    def _fault(self, trouble: Trouble, pc: int) -> None:
        """Let the firmware's handler report, where it has one, then raise."""
        link = int(self._engine.reg_read(arm.UC_ARM_REG_LR))
        report, reason = "", trouble.reason
        halt = self.elf.symbols.get("ws_fault_halt")
        exception = enter_fault(trouble, pc, self._engine, self.system, self.view, self._core)
        if exception is None:
            reason += "; the fault finds no room on the stack, the core locks up"
        elif halt is not None:
            before = len(self.console.sent)
            self._run_handler(exception, halt)
            report = self.console.sent[before:].decode("utf-8", "replace")
        jumped = bool(trouble.cfsr & (IBUSERR | INVSTATE))
        self._raise(reason, pc & ~1, trouble.address, report, link, jumped)

    def _run_handler(self, exception: int, halt: int) -> None:
        """Its console may need time to pass; interrupts do not come through."""
        self.counter.arm(_FAULT_LIMIT)
        self._interrupts.begin(exception)
        self._reporting = True
        go: int | None = self._vector(exception) & ~1
        while go is not None:
            go = self._stretch(go, halt)
        self._reporting = False
        self._interrupts.end()

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
