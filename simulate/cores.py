"""The cores that Unicorn can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unicorn import arm_const as arm

from convert.errors import UserError
from firmware.board import Board


@dataclass(frozen=True)
class EmulatedCore:
    """One core in Unicorn.

    Attributes:
        model: Unicorn's number for it.
        cpuid: what the register of that name holds (the core's technical reference manual).
        faults: it has the fault exceptions and fault registers of Armv7-M.
        stack_limit: it has the stack limit registers of Armv8-M.
    """

    model: int
    cpuid: int
    faults: bool = True
    stack_limit: bool = False


EMULATED: Mapping[str, EmulatedCore] = {
    "cortex-m0": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M0, 0x410CC200, faults=False),
    # The same instructions as an M0; what differs (MPU, VTOR, timing) is outside Unicorn.
    "cortex-m0plus": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M0, 0x410CC601, faults=False),
    "cortex-m3": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M3, 0x412FC231),
    "cortex-m4f": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M4, 0x410FC240),
    "cortex-m7f": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M7, 0x411FC272),
    "cortex-m33f": EmulatedCore(arm.UC_CPU_ARM_CORTEX_M33, 0x410FD213, stack_limit=True),
}
"""By the name that `board.toml` uses."""


def emulated(board: Board) -> EmulatedCore:
    """The core of a board.

    Raises:
        UserError: Unicorn does not have it.
    """
    core = EMULATED.get(board.core.name)
    if core is None:
        raise UserError(
            f"The emulator must know the board's core ({', '.join(EMULATED)}). Received: "
            f"{board.core.name} of {board.name}. Leave the back end cortex-m out"
            + (
                f", or run the ELF with QEMU (-M {board.qemu_machine})."
                if board.qemu_machine
                else "."
            )
        )
    return core
