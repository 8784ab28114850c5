"""`[firmware] runtime`: what stands behind the application, and what TFLite Micro needs for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.emit_frontend import emit_frontend
from convert.emit_tflm import emit_tflm
from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from firmware.board import Board, load_board
from firmware.image import Image
from firmware.tflm_build import build_tflm_application, build_tflm_bare
from firmware.tflm_tree import TflmLibrary, find_library
from simulate.tflm import arena_size
from simulate.tflm_arena import STEP, Arena, measure_arena, trial_board
from train.sources.base import resolve
from wakesmith.job import file_hash
from wakesmith.project import FirmwareSection, Project

_SCRATCH = 1 << 16  # bytes that optimised kernels may want on top, in the trial


def library_of(project: Project, base: Path) -> TflmLibrary | None:
    """The TFLite Micro library of a project; None where generated C runs the model.

    Args:
        project: the project file.
        base: folder that relative paths in it start from.

    Raises:
        UserError: the runtime does not go with the compiler or the scheme, or no folder is given.
        FirmwareError: see `find_library`.
    """
    section: FirmwareSection = project.firmware
    if section.runtime == "c":
        return None
    if section.compiler != "gcc":
        raise UserError(
            "compiler must be gcc with the runtime tflm, whose library is linked with GCC's. "
            f'Received: {section.compiler}. Set compiler = "gcc" in [firmware], or --compiler gcc.'
        )
    if not section.tflm_dir:
        raise UserError(
            "tflm_dir must be given with the runtime tflm. Received: none. Name a TFLite Micro "
            "tree in which microlite has been built, in [firmware] or with --tflm-dir."
        )
    scheme = project.quantization
    if "tflm" not in scheme.runs_on:
        raise UserError(
            "The runtime tflm must go with a scheme that TFLite Micro runs. Received: "
            f"{scheme.scheme}. Choose qat_int8, or the runtime c."
        )
    return find_library(resolve(section.tflm_dir, base), load_board(section.board).core)


def library_reads(library: TflmLibrary | None) -> dict[str, Any]:
    """What of a library decides the firmware, for the key of a stage."""
    if library is None:
        return {}
    return {"archive": file_hash(library.archive), "defines": library.defines}


@dataclass(frozen=True)
class TflmFirmware:
    """An image with TFLite Micro inside, and the arena that was measured for it."""

    image: Image
    arena: Arena
    library: TflmLibrary


def build_tflm(
    tflite: bytes,
    generated: GeneratedModel,
    fe: FrontEnd,
    board: Board,
    library: TflmLibrary,
    *,
    listening: Mapping[str, str],
    out_dir: Path,
    title: str,
) -> TflmFirmware:
    """Measure the arena on the board's core, then build the application with it.

    Args:
        tflite: the model.
        generated: its interpreter-free C, for `model.h`.
        fe: the front-end.
        board: what to build for.
        library: of the board's core.
        listening: `simulate.listening.listening_sources`.
        out_dir: where the image goes.
        title: what the firmware calls itself at start.

    Raises:
        ModelError: TFLite Micro cannot run the model on this machine.
        UserError: see `simulate.tflm_arena`.
        FirmwareError: see `firmware.build.build`.
    """
    arena = tflm_arena(tflite, generated, board, library, out_dir)
    image = build_tflm_application(
        emit_tflm(tflite, generated, arena_size=arena.size, measured=_measured(board, arena)),
        emit_frontend(fe),
        board,
        library,
        listening=listening,
        out_dir=out_dir,
        title=title,
    )
    return TflmFirmware(image, arena, library)


def tflm_arena(
    tflite: bytes, generated: GeneratedModel, board: Board, library: TflmLibrary, folder: Path
) -> Arena:
    """The arena that a model needs on a board's core with a library; errors as above."""
    most = -(-(2 * arena_size(tflite) + _SCRATCH) // STEP) * STEP
    files = emit_tflm(tflite, generated, arena_size=most, measured="in a trial, more than enough.")
    trial = build_tflm_bare(
        files, trial_board(board.core), library, out_dir=folder, name="trial", trial=True
    )
    try:
        return measure_arena(trial, most)
    finally:
        for path in (trial.elf, trial.bin, trial.hex):
            path.unlink(missing_ok=True)


def _measured(board: Board, arena: Arena) -> str:
    return (
        f"measured on an emulated {board.core.name} ({arena.where}) with the library that is "
        f"linked: the least in which it starts; {arena.used} stay in use."
    )
