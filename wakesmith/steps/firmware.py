"""Compile and link the firmware."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from convert.detector import Detector
from convert.emit_frontend import emit_frontend
from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.generated import CodeSpec, GeneratedModel
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import Board, load_board
from firmware.image import Image
from firmware.tflm_tree import TflmLibrary
from simulate.listening import listening_sources
from wakesmith.job import Job
from wakesmith.steps.convert import code_within, generate
from wakesmith.store import read_json, write_json

RUNTIME = "runtime.json"
"""What runs the model in this image; written beside it."""


def run(
    job: Job,
    name: str,
    labels: tuple[str, ...],
    fe: FrontEnd,
    clip_samples: int,
    board: str,
    compiler: Literal["zig", "gcc"],
    code: CodeSpec,
    words: tuple[str, ...],
    detect: Detector,
    library: TflmLibrary | None = None,
) -> None:
    """Write the image, `sizes.json` (where every byte of flash and RAM went) and `runtime.json`.

    Raises:
        UserError: TFLite Micro shall run the model and cannot.
    """
    tflite = (job.inputs["quantize"] / "model.tflite").read_bytes()
    code = code_within(job.inputs["convert"], code)
    generated = generate(tflite, labels, fe, clip_samples, code)
    listening = listening_sources(
        read(tflite), labels, fe, clip_samples, words=words, detect=detect
    )
    target = load_board(board)
    if library is None:
        job.progress(0, 1, f"compiling with {compiler}")
        runtime: dict[str, Any] = {"runtime": "c"}
        image = build_application(
            generated.files,
            emit_frontend(fe),
            target,
            listening=listening,
            out_dir=job.out,
            title=name,
            kernels=generated.kernels,
            compiler=compiler,
        )
    else:
        quantized = read_json(job.inputs["quantize"] / "quantize.json")
        if "tflm" not in quantized["runs_on"]:
            raise UserError(
                "The runtime tflm must have a model that TFLite Micro runs. Received: one of "
                f"scheme {quantized['scheme']}. Choose the runtime c."
            )
        job.progress(0, 1, "measuring TFLite Micro's arena, compiling with gcc")
        image, runtime = _tflm(tflite, generated, fe, target, library, listening, job.out, name)
    write_json(job.out / RUNTIME, runtime)
    write_json(
        job.out / "sizes.json",
        {
            "board": board,
            "flash": image.flash_bytes,
            "ram": image.ram_bytes,
            "stack": image.stack_bytes,
            "sections": image.sections,
            "symbols": image.symbols,
            "sha256": image.sha256,
        },
    )


def _tflm(
    tflite: bytes,
    generated: GeneratedModel,
    fe: FrontEnd,
    board: Board,
    library: TflmLibrary,
    listening: Mapping[str, str],
    out: Path,
    title: str,
) -> tuple[Image, dict[str, Any]]:
    from wakesmith.runtimes import build_tflm

    built = build_tflm(
        tflite, generated, fe, board, library, listening=listening, out_dir=out, title=title
    )
    return built.image, {
        "runtime": "tflm",
        "library": library.about,
        "arena": built.arena.size,
        "arena_used": built.arena.used,
        "arena_measured": built.arena.where,
    }
