"""How much arena TFLite Micro needs on the chip: measured there, by trying.

The size depends on the core (pointers of 4 bytes) and on the library (optimised kernels ask for
scratch memory), so no number from the host is exact. A trial image (`firmware.tflm_build`) says how
much the interpreter took of a large arena; then it is started again with no more than that. What
preparation needs for a while can exceed what stays in use, in which case the least that works is
found by bisection. A start costs a few million instructions, so all of it takes seconds.
"""

from __future__ import annotations

import dataclasses
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from convert.errors import UserError
from firmware.board import Board, load_board
from firmware.checksum import fill_crc
from firmware.cores import Core
from firmware.image import Image
from firmware.tflm_build import ARENA_LIMIT
from simulate.cores import EMULATED
from simulate.faults import CortexMFault
from simulate.machine import Machine
from simulate.qemu import QemuBoard, qemu_available

STEP = 16  # TFLite Micro aligns its arena to this
_BOOT_LINES = 4  # board, model, arena, ready; fewer after an error
_BOOT_SECONDS = 60.0
_ROOMY, _ROOMY_QEMU = "mps2-an386", {"cortex-m55": "mps3-an547"}


@dataclass(frozen=True)
class Arena:
    """What was measured.

    Attributes:
        size: the least bytes in which TFLite Micro starts, a multiple of 16.
        used: what it keeps in use of that.
        where: the emulator.
    """

    size: int
    used: int
    where: str


def trial_board(core: Core) -> Board:
    """An emulated board with plenty of memory and this core, to try arenas on.

    Raises:
        UserError: no emulator here has the core.
    """
    if core.name in EMULATED:
        return dataclasses.replace(load_board(_ROOMY), core=core)
    if core.name in _ROOMY_QEMU and qemu_available():
        return load_board(_ROOMY_QEMU[core.name])
    raise UserError(
        "The arena of TFLite Micro must be measured on the board's core in an emulator. Received: "
        f"{core.name}, which needs qemu-system-arm. Install QEMU, or choose the runtime c."
    )


def measure_arena(trial: Image, most: int) -> Arena:
    """Find the least arena in which a model starts.

    Args:
        trial: made by `build_tflm_bare(..., trial=True)` for `trial_board(core)`.
        most: bytes of arena that it was built with.

    Raises:
        UserError: TFLite Micro refuses the model whatever the arena; its words are in the message.
    """
    where = "Unicorn" if trial.board.core.name in EMULATED else "QEMU"
    answer = _start(trial, most)
    used = _used(answer)
    if used is None:
        raise UserError(
            "TFLite Micro must be able to start with the model. Received: "
            f"{_reason(answer)}, with an arena of {most:,} bytes."
        )
    low, high = used - STEP, -(-used // STEP) * STEP
    while (kept := _used(_start(trial, high))) is None:
        if high >= most:
            raise UserError(
                "TFLite Micro must start in an arena as large as the one it started in before. "
                f"Received: {_reason(_start(trial, most))}, with {most:,} bytes."
            )
        low, high = high, min(most, high + max(STEP, (high - used) * 2))
    while high - low > STEP:
        middle = (low + high) // 2 // STEP * STEP
        found = _used(_start(trial, middle))
        low, high, kept = (middle, high, kept) if found is None else (low, middle, found)
    return Arena(high, kept, where)


def _used(answer: tuple[str, ...]) -> int | None:
    """Bytes in use, or None when the interpreter did not start."""
    found = [line for line in answer if line.startswith("arena ")]
    return int(found[0].split()[1]) if found and "ready" in answer else None


def _reason(answer: tuple[str, ...]) -> str:
    said = [line.removeprefix("error ") for line in answer if line.startswith("error ")]
    return (said or [*answer[-1:], "silence"])[0].rstrip(".")


def _start(trial: Image, limit: int) -> tuple[str, ...]:
    """What the console says after a start with so much arena."""
    with tempfile.TemporaryDirectory(prefix="arena") as folder:
        image = limited(trial, limit, Path(folder))
        if image.board.core.name in EMULATED:
            machine = Machine(image)
            try:
                return tuple(machine.boot().splitlines())
            except CortexMFault as fault:  # a check that aborts is an answer, too
                return (*machine.text().splitlines(), f"error {fault}")
        with QemuBoard(image) as board:
            lines: tuple[str, ...] = ()
            while len(lines) < _BOOT_LINES and not (lines and lines[-1].startswith("error ")):
                more = board.lines(1, timeout_s=_BOOT_SECONDS)
                if not more:
                    break
                lines += more
            return lines


def limited(trial: Image, limit: int, folder: Path) -> Image:
    """A copy of a trial image, in `folder`, that uses at most `limit` bytes of its arena."""
    path = folder / trial.elf.name
    data = trial.elf.read_bytes()
    address = trial.symbol(ARENA_LIMIT).address
    for section in ELFFile(io.BytesIO(data)).iter_sections():
        offset = address - section["sh_addr"]
        if section["sh_flags"] & 2 and 0 <= offset < section["sh_size"]:  # SHF_ALLOC
            at = section["sh_offset"] + offset
            changed = data[:at] + limit.to_bytes(4, "little") + data[at + 4 :]
            path.write_bytes(fill_crc(changed))
            return dataclasses.replace(trial, elf=path)
    raise ValueError(f"{trial.elf} has no {ARENA_LIMIT}")
