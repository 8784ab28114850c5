"""A board as it is wired: core, memory, devices and their clock, and what a debugger sees of it.

Unicorn is the core; the devices around it are the chip's, and those that every Cortex-M has.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc

from firmware.image import Image
from simulate.cores import emulated
from simulate.costs import STACK_PAINT, stack_used
from simulate.counting import Counter, Scope
from simulate.devices.chips import CHIPS
from simulate.devices.clock import Clock
from simulate.devices.device import Device, DeviceError, Surroundings
from simulate.devices.dwt import BASE as DWT_BASE
from simulate.devices.dwt import Dwt
from simulate.devices.system import SystemControl
from simulate.devices.systick import SysTick
from simulate.elf import Elf
from simulate.exceptions import Exceptions
from simulate.interrupts import SYSTICK, Interrupts
from simulate.memory import Memory
from simulate.timing import cycles_per_instruction

Scopes = Mapping[str, tuple[int, int] | None]
NO_SCOPES: Scopes = MappingProxyType({})

_SCS = 0xE000_E000


class Hardware:
    """One board with one firmware image, at rest; `simulate.machine.Machine` runs it.

    Args:
        image: the firmware.
        scopes: names of functions to be counted with everything they call, each with the (address,
            size) of memory to keep a copy of when it returns, or None.

    Raises:
        UserError: the board has a core that is not emulated.
    """

    def __init__(self, image: Image, scopes: Scopes = NO_SCOPES) -> None:
        board = image.board
        core = self._core = emulated(board)
        self.image = image
        self.elf = Elf(image.elf)
        self.copies: dict[str, NDArray[np.uint8]] = {}
        self._engine = Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        self._engine.ctl_set_cpu_model(core.model)
        self._memory = Memory(self._engine, board, self.elf)
        self._restart = ""
        self._called = False
        self._disagreement: DeviceError | None = None
        self.resets: list[str] = []
        self.counter = Counter(
            *(self._engine, self.elf, self._memory.flash, board.flash_origin),
            [self._scope(name, copy) for name, copy in scopes.items()],
        )
        per_instruction = cycles_per_instruction(board.core.name)
        self.clock = Clock(self.counter, board.clock_hz, per_instruction)
        self._interrupts = Interrupts(3 if core.faults else 2, self.clock.stop_soon)
        timer = SysTick(self.clock, lambda: self._interrupts.pend(SYSTICK))
        self.system = SystemControl(
            *(timer, self._interrupts, self.counter.trap_zero, core.cpuid, self.restart)
        )
        self.exceptions = Exceptions(
            *(self._engine, self._interrupts, self.view, self._vector, core.faults)
        )
        around = Surroundings(
            self.clock, self.view, self._interrupts.line, self.restart, lambda: self._called
        )
        self.chip = CHIPS[board.chip](board, around)
        self.console = self.chip.console
        for base, device in (
            *((_SCS, self.system), (DWT_BASE, Dwt(self.clock))),
            *self.chip.parts,
        ):
            self._map(base, device)

    def restart(self, reason: str) -> None:
        """Reset the chip, as a watchdog does; RAM and what was printed stay. Not during `call`."""
        if self._called:
            return
        self._restart = reason
        self._engine.emu_stop()

    # --- looking inside ---

    def text(self) -> str:
        """What the console has printed since the last reset."""
        return self.console.sent.decode("utf-8", "replace")

    def view(self, address: int, nbytes: int) -> NDArray[np.uint8]:
        """The bytes at `address` in RAM, flash or the host window, not copied.

        Raises:
            ValueError: there is no memory.
        """
        return self._memory.view(address, nbytes)

    def read(self, address: int, nbytes: int) -> bytes:
        """A copy of memory; see `view`."""
        return self.view(address, nbytes).tobytes()

    def write(self, address: int, data: bytes) -> None:
        """Change memory; see `view`."""
        self.view(address, len(data))[:] = np.frombuffer(data, np.uint8)

    def symbol_view(self, name: str, nbytes: int) -> NDArray[np.uint8]:
        """The bytes of an object, not copied."""
        return self.view(self.elf.symbols[name], nbytes)

    def stack_used(self) -> int:
        """Bytes of stack touched since reset: from the lowest word that is not paint."""
        return stack_used(self.symbol_view("__stack_limit", self.image.stack_bytes))

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

    def _map(self, base: int, device: Device) -> None:
        def read(_e: Uc, offset: int, size: int, _u: object) -> int:
            try:
                return device.read(offset, size)
            except DeviceError as error:
                self._disagree(error)
                return 0

        def write(_e: Uc, offset: int, size: int, value: int, _u: object) -> None:
            try:
                device.write(offset, value, size)
            except DeviceError as error:
                self._disagree(error)

        self._engine.mmio_map(base, device.size, read, None, write, None)

    def _disagree(self, error: DeviceError) -> None:
        self._disagreement = error
        self._engine.emu_stop()

    def _reset_chip(self) -> None:
        """Devices and core as after power-on; memory stays."""
        self.clock.reset_chip()
        self.system.reset()
        for _, device in self.chip.parts:
            device.reset()
        engine = self._engine
        stack, entry = self.chip.start(self.view)
        for register in range(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R12 + 1):
            engine.reg_write(register, 0)
        engine.reg_write(arm.UC_ARM_REG_PRIMASK, 0)
        engine.reg_write(arm.UC_ARM_REG_XPSR, 1 << 24)
        engine.reg_write(arm.UC_ARM_REG_SP, stack)
        engine.reg_write(arm.UC_ARM_REG_LR, 0xFFFFFFFF)
        engine.reg_write(arm.UC_ARM_REG_PC, entry | 1)

    def _vector(self, number: int) -> int:
        table = self.system.read(self.system.VTOR) or self.image.board.flash_origin
        return int(self.view(table + 4 * number, 4).view("<u4")[0])
