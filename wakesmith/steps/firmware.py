"""Compile and link the firmware."""

from __future__ import annotations

from typing import Literal

from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from firmware.application import build_application
from firmware.board import load_board
from wakesmith.job import Job
from wakesmith.steps.convert import generate
from wakesmith.store import write_json


def run(
    job: Job,
    name: str,
    labels: tuple[str, ...],
    fe: FrontEnd,
    clip_samples: int,
    board: str,
    compiler: Literal["zig", "gcc"],
    pack: bool,
) -> None:
    """Write the image and `sizes.json`: where every byte of flash and RAM went."""
    job.progress(0, 1, f"compiling with {compiler}")
    tflite = (job.inputs["quantize"] / "model.tflite").read_bytes()
    generated = generate(tflite, labels, fe, clip_samples, pack)
    image = build_application(
        generated.files,
        emit_frontend(fe),
        load_board(board),
        out_dir=job.out,
        title=name,
        kernels=generated.kernels,
        compiler=compiler,
    )
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
