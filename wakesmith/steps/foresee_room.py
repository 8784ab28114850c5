"""Before training: does firmware with this network fit a small board?"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from convert.emit_frontend import emit_frontend
from convert.errors import UserError
from convert.export import MIN_CALIBRATION_CLIPS, to_tflite
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from firmware.build import Compiler
from firmware.fitting import ImageTooLargeError
from firmware.image import Image
from simulate.listening import listening_sources
from train.keras import start
from train.models import ZOO, ModelSpec, build_model
from train.quantization import QuantizationSpec, recurrent
from wakesmith.job import Job
from wakesmith.steps.convert import generate_from

SMALL = 128 * 1024
"""Boards with more RAM than this are not asked: every network of usual size fits, and asking takes
seconds."""

_LEAST_WIDTH = 4


def run(
    job: Job,
    scheme: QuantizationSpec,
    model: ModelSpec,
    fe: FrontEnd,
    base: Path,
    labels: tuple[str, ...],
    samples: int,
    board: str,
    compiler: Compiler,
) -> None:
    """Raise if not; writes nothing.

    The untrained network is made into firmware. RAM does not depend on what is trained. Flash does
    with schemes that store weights in fewer than 8 bits; that is left to the link after training.

    Raises:
        UserError: with the numbers, and a width of the same network that would fit.
    """
    if load_board(board).ram_size > SMALL or "c" not in scheme.runs_on:
        return
    job.progress(0, 0, "loading TensorFlow")
    start(0)
    job.progress(0, 0, f"looking whether the network fits {board}")
    try:
        if link(model, fe, base, labels, samples, board, compiler) is None:
            return
    except ImageTooLargeError as error:
        if any(need.region == "RAM" for need in error.needs):
            hint = ""
            if model.name in ZOO:
                job.progress(0, 0, f"looking for a smaller network that fits {board}")
                hint = _smaller(model, fe, base, labels, samples, board, compiler)
            raise UserError(f"{error}{hint}") from None


def link(
    model: ModelSpec,
    fe: FrontEnd,
    base: Path,
    labels: tuple[str, ...],
    samples: int,
    board: str,
    compiler: Compiler,
) -> Image | None:
    """Firmware with the untrained network; None where a converter of our own would be needed.

    Raises:
        ImageTooLargeError: it does not fit.
    """
    network = build_model(model, (fe.frames(samples), fe.width), len(labels), folder=base)
    if recurrent.needs_writer(network):
        return None
    rng = np.random.default_rng(0)
    shape = (MIN_CALIBRATION_CLIPS, fe.frames(samples), fe.width)
    clips = rng.integers(-128, 128, shape).astype(np.int8)
    graph = read(to_tflite(network, "int8", representative=clips))
    generated = generate_from(graph, labels, fe, samples)
    with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
        return build_application(
            generated.files,
            emit_frontend(fe),
            load_board(board),
            listening=listening_sources(graph, labels, fe, samples),
            out_dir=Path(folder),
            kernels=generated.kernels,
            compiler=compiler,
        )


def _smaller(model: ModelSpec, fe: FrontEnd, *rest: object) -> str:
    """A sentence with the largest of three smaller widths that fits."""
    width = model.width or ZOO[model.name][1]["width"]
    for share in (0.75, 0.5, 0.25):
        less = int(width * share) // 4 * 4
        if less < _LEAST_WIDTH:
            break
        try:
            image = link(dataclasses.replace(model, width=less), fe, *rest)  # type: ignore[arg-type]
        except ImageTooLargeError:
            continue
        if image is not None:
            ram = image.ram_bytes + image.stack_bytes
            return (
                f" {model.name} of model.width = {less} would fit, with {image.flash_bytes:,} "
                f"bytes of flash and {ram:,} of RAM."
            )
    return f" {model.name} of a quarter of this width does not fit either."
