"""Compile and link the firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from firmware.board import load_board
from firmware.build import application_sources, build
from firmware.image import Image
from wakesmith.pipeline import Job
from wakesmith.steps.convert import generate
from wakesmith.store import write_json

NAME = "firmware"


def build_image(
    generated: GeneratedModel,
    fe: FrontEnd,
    board: str,
    compiler: Literal["zig", "gcc"],
    out: Path,
    *,
    app_name: str = "wakesmith",
) -> Image:
    """Build the application with a model and a front-end into `out`/firmware.elf, .bin, .hex.

    Raises:
        FirmwareError: the compiler is missing, or the image does not fit the board.
    """
    sources = {**application_sources(), **generated.files, **emit_frontend(fe)}
    define = f'WS_APP_NAME="{app_name}"'
    return build(
        sources, load_board(board), compiler=compiler, out_dir=out, name=NAME, defines=(define,)
    )


def run(
    job: Job,
    name: str,
    labels: tuple[str, ...],
    fe: FrontEnd,
    board: str,
    compiler: Literal["zig", "gcc"],
) -> None:
    """Write the image and `sizes.json`: where every byte of flash and RAM went."""
    job.progress(0, 1, f"compiling with {compiler}")
    generated = generate((job.inputs["quantize"] / "model.tflite").read_bytes(), labels)
    image = build_image(generated, fe, board, compiler, job.out, app_name=name)
    write_json(
        job.out / "sizes.json",
        {
            "flash": image.flash_bytes,
            "ram": image.ram_bytes,
            "stack": image.stack_bytes,
            "sections": image.sections,
            "symbols": image.symbols,
            "sha256": image.sha256,
        },
    )
