"""A bare model on any core: its file, its C, which board stands for the core, what runs it there.

The board is the emulator's largest with the core exchanged, so that what is measured or proven does
not depend on how much memory some board with that core happens to have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convert.errors import ModelError, UserError

if TYPE_CHECKING:
    from convert.generated import GeneratedModel
    from convert.graph import Graph
    from firmware.board import Board
    from firmware.build import Compiler
    from simulate.cortexm import CortexMBackend
    from simulate.qemu_backend import QemuBackend

_BOARD = "mps2-an386"
_QEMU_BOARDS = {"cortex-m55": "mps3-an547"}
_MAX_MODEL = 64 << 20


def board_of(core: str) -> Board:
    """A board with this core and a lot of memory.

    Args:
        core: out of `firmware.cores.CORES`; "cortex-m4" stands for "cortex-m4f" and so on.

    Raises:
        UserError: no such core.
    """
    from firmware.board import load_board
    from firmware.cores import CORES

    for key in (core, f"{core}f"):
        if key in CORES:
            return replace(load_board(_QEMU_BOARDS.get(key, _BOARD)), core=CORES[key])
    raise UserError(f"--core must be among {', '.join(sorted(CORES))}. Received: {core}.")


def read_model(path: Path) -> bytes:
    """The bytes of a model file.

    Raises:
        UserError: it cannot be read or is far larger than any microcontroller's memory.
    """
    try:
        if path.stat().st_size > _MAX_MODEL:
            raise ModelError(
                f"A model must be at most {_MAX_MODEL >> 20} MB. "
                f"Received: {path}, {path.stat().st_size >> 20} MB."
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The model must be a readable file. Received: {path} ({error.strerror})."
        ) from error


def checked(data: bytes) -> Graph:
    """The graph of a model, after a check that every operator is supported.

    Raises:
        ModelError: the file is damaged.
        UnsupportedModelError: an operator that the kernels do not have.
    """
    from convert.supported import check
    from convert.tflite_reader import read

    graph = read(data)
    check(graph)
    return graph


@contextlib.contextmanager
def running(
    generated: GeneratedModel,
    board: Board,
    folder: Path,
    *,
    compiler: Compiler = "zig",
    counting: bool = False,
) -> Iterator[CortexMBackend | QemuBackend]:
    """Build a bare model and start it, in the emulator or (Cortex-M55) in QEMU.

    Args:
        generated: the model, of prefix "model".
        board: of `board_of`, or any with an emulated core.
        folder: where the image goes.
        compiler: "zig" or "gcc".
        counting: for `profile`.

    Raises:
        UserError: the core needs QEMU where that is missing, or is not emulated.
        FirmwareError: it does not compile, or not fit.
    """
    from firmware.application import build_bare

    image = build_bare(
        generated.files, board, out_dir=folder, kernels=generated.kernels, compiler=compiler
    )
    if board.core.name in _QEMU_BOARDS:
        from simulate.qemu_backend import QemuBackend

        with QemuBackend(image, generated, counting=counting) as qemu:
            yield qemu
    else:
        from simulate.cortexm import CortexMBackend

        yield CortexMBackend(image, generated)
