"""Exception entry and return around Unicorn, which leaves both to its caller.

Armv7-M ARM (DDI 0403) B1.5.6 "Exception entry behavior" and B1.5.8 "Exception return behavior";
Armv6-M (DDI 0419) and a secure Armv8-M core behave the same as far as this goes. Only the main
stack is known. The registers of the FPU are stacked at once where the core would reserve their
place and stack them later: what the frame holds in the end is the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc
from unicorn import arm_const as arm

from simulate.devices.device import DeviceError
from simulate.interrupts import Interrupts

EXIT = 8
"""The number that Unicorn's interrupt hook gets when code jumps to an EXC_RETURN value."""

_FPCA, _SPSEL = 4, 2  # CONTROL, B1.4.4
_ALIGNED = 1 << 9  # stacked xPSR: a word was left out to align the stack
_THUMB = 1 << 24

FRAME = (
    *(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3),
    *(arm.UC_ARM_REG_R12, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_XPSR),
)
_FLOATS = tuple(range(arm.UC_ARM_REG_S0, arm.UC_ARM_REG_S0 + 16))


class Exceptions:
    """Takes pending exceptions and returns from them.

    Args:
        engine: the core.
        interrupts: what is pending.
        view: (address, bytes) -> memory; raises ValueError where there is none.
        vector: exception number -> the word in the vector table.
        armv7: the core has BASEPRI and FAULTMASK.
    """

    def __init__(
        self,
        engine: Uc,
        interrupts: Interrupts,
        view: Callable[[int, int], NDArray[np.uint8]],
        vector: Callable[[int], int],
        armv7: bool,
    ) -> None:
        self._engine = engine
        self._interrupts = interrupts
        self._view = view
        self._vector = vector
        self._armv7 = armv7

    def _register(self, number: int) -> int:
        return int(self._engine.reg_read(number))

    def _threshold(self, masks: bool) -> int:
        """The priority that a pending exception must be below."""
        running = self._interrupts.running()
        if self._armv7:
            if self._register(arm.UC_ARM_REG_FAULTMASK):
                return -1
            base = self._register(arm.UC_ARM_REG_BASEPRI)
            running = min(running, base) if base else running
        if masks and self._register(arm.UC_ARM_REG_PRIMASK):
            return min(running, 0)
        return running

    def wakes(self) -> bool:
        """True when a sleeping core would go on: PRIMASK does not keep it asleep (B1.5.19)."""
        return self._interrupts.candidate(self._threshold(masks=False)) is not None

    def masked(self) -> bool:
        """True when something would be taken but for PRIMASK, BASEPRI or FAULTMASK."""
        running = self._interrupts.running()
        return (
            self._interrupts.candidate(running) is not None
            and self._interrupts.candidate(self._threshold(masks=True)) is None
        )

    def take(self, pc: int) -> int | None:
        """Enter the most urgent exception; returns the handler's address, or None.

        Args:
            pc: where the interrupted code goes on.

        Raises:
            ValueError: the frame does not fit into the stack's memory.
        """
        number = self._interrupts.candidate(self._threshold(masks=True))
        if number is None:
            return None
        engine = self._engine
        control = self._register(arm.UC_ARM_REG_CONTROL) if self._armv7 else 0
        if self._register(arm.UC_ARM_REG_CONTROL) & _SPSEL:
            raise DeviceError("firmware must use the main stack only to be interrupted here")
        floats = bool(control & _FPCA)
        stack = self._register(arm.UC_ARM_REG_SP)
        frame = (stack & ~7) - (104 if floats else 32)
        words = [self._register(register) for register in FRAME]
        words[6] = pc & ~1
        words[7] = words[7] & ~_ALIGNED | _THUMB | (_ALIGNED if stack & 4 else 0)
        if floats:
            words += [self._register(register) for register in _FLOATS]
            words += [self._register(arm.UC_ARM_REG_FPSCR), 0]
        self._view(frame, 4 * len(words)).view("<u4")[:] = words
        back = 0xFFFFFFF1 if self._interrupts.active else 0xFFFFFFF9
        engine.reg_write(arm.UC_ARM_REG_SP, frame)
        engine.reg_write(arm.UC_ARM_REG_LR, back & ~0x10 if floats else back)
        engine.reg_write(arm.UC_ARM_REG_XPSR, words[7] & 0xF8000000 | _THUMB | number)
        if floats:
            engine.reg_write(arm.UC_ARM_REG_CONTROL, control & ~_FPCA)
        self._interrupts.begin(number)
        return self._vector(number) & ~1

    def leave(self, value: int) -> int:
        """Return from the innermost exception; returns where the interrupted code goes on.

        Args:
            value: EXC_RETURN, as found in the program counter (bit 0 may be lost).

        Raises:
            ValueError: there is nothing to return from, the value is not one that entry gave, or
                the frame is outside the memory.
        """
        engine, interrupts = self._engine, self._interrupts
        floats = not value & 0x10
        wanted = 0xF0 if len(interrupts.active) > 1 else 0xF8
        if not interrupts.active or value & 0xEE != wanted & 0xEE:
            raise ValueError(f"EXC_RETURN 0x{value:08x} is none that fits")
        frame = self._register(arm.UC_ARM_REG_SP)
        size = 104 if floats else 32
        words = self._view(frame, size).view("<u4").tolist()
        interrupts.end()
        if self._armv7 and floats:
            for register, word in zip(_FLOATS, words[8:24], strict=True):
                engine.reg_write(register, word)
            engine.reg_write(arm.UC_ARM_REG_FPSCR, words[24])
        for register, word in zip(FRAME[:6], words[:6], strict=True):
            engine.reg_write(register, word)
        engine.reg_write(arm.UC_ARM_REG_XPSR, words[7] & ~_ALIGNED)
        engine.reg_write(arm.UC_ARM_REG_SP, frame + size + (4 if words[7] & _ALIGNED else 0))
        if self._armv7:
            control = self._register(arm.UC_ARM_REG_CONTROL) & ~_FPCA
            engine.reg_write(arm.UC_ARM_REG_CONTROL, control | (_FPCA if floats else 0))
            engine.reg_write(arm.UC_ARM_REG_FAULTMASK, 0)  # any return but NMI's clears it
        return int(words[6])
