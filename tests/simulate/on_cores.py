"""Operator cases and public models on emulated cores, against the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.emit_aot import GeneratedModel, emit_model
from convert.families import Kernels
from convert.tflite_reader import read
from firmware.board import Board
from firmware.build import Compiler, build
from firmware.hostbuild import KERNEL_DIR, Source
from firmware.image import Image
from simulate.compare import compare
from simulate.gdb import GdbBoard
from simulate.machine import Machine
from simulate.reference import ReferenceBackend
from tests.firmware.generated_cases import GeneratedCase
from wakesmith.bare import running

_MAIN = """\
#include "ws_board.h"
#include "ws_text.h"

int main(void) {
    ws_put_text("ready\\n");
    for (;;) {
        (void)ws_board_get();
        ws_board_sleep();
    }
}
"""


def sources_of(models: Sequence[GeneratedModel]) -> dict[str, Source]:
    """All models in one image with a main that only waits: tests call the models themselves."""
    sources: dict[str, Source] = {"main.c": _MAIN}
    for model in models:
        sources.update(model.files)
    for name in sorted({kernel for model in models for kernel in model.kernels}):
        sources[name] = KERNEL_DIR / name
    return sources


def image_of(
    models: Sequence[GeneratedModel], board: Board, compiler: Compiler, folder: Path
) -> Image:
    """All models in one image, to be called."""
    return build(
        sources_of(models),
        board,
        compiler=compiler,
        out_dir=folder,
        name="models",
        keep=[f"{m.prefix}_{name}" for m in models for name in ("init", "invoke")],
    )


def outputs_on(core: Machine | GdbBoard, model: GeneratedModel, inputs: np.ndarray) -> np.ndarray:
    """Outputs of `model` for each of `inputs` on a core that has started, (inputs, bytes)."""
    arena = core.elf.symbols[model.arena_symbol]
    source, result = model.inputs[0], model.outputs[0]
    found = []
    core.call(f"{model.prefix}_init")
    for values in inputs:
        contents = bytearray(b"\x55" * model.arena_size)
        contents[source.offset : source.offset + source.nbytes] = values.tobytes()
        core.write(arena, bytes(contents))
        core.call(f"{model.prefix}_invoke")
        found.append(np.frombuffer(core.read(arena + result.offset, result.nbytes), np.uint8))
    return np.array(found).view(np.dtype(result.dtype)).reshape(len(inputs), -1)


def assert_cases(core: Machine | GdbBoard, cases: Sequence[GeneratedCase], clips: int) -> None:
    """The first `clips` inputs of every case give what the reference gives.

    Args:
        core: has started an image with the models of all cases.
        cases: of models without states.
        clips: of each.
    """
    for c in cases:
        inputs = np.ascontiguousarray(c.case.inputs[:clips])
        expected = ReferenceBackend(c.graph).run(inputs)[c.graph.outputs[0]]
        np.testing.assert_array_equal(
            outputs_on(core, c.generated, inputs),
            np.asarray(expected).reshape(len(inputs), -1),
            err_msg=c.case.name,
        )


def assert_public_model(
    path: Path, board: Board, kernels: Kernels, compiler: Compiler, folder: Path
) -> GeneratedModel:
    """Every layer of a model is what the reference gives; the C that was run."""
    graph = read(path.read_bytes())
    model = emit_model(graph, kernels=kernels)
    shape = model.inputs[0].shape[1:]
    inputs = np.random.default_rng(3).integers(-128, 128, (4, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    with running(model, board, folder, compiler=compiler) as chip:
        trace = chip.run(inputs)
    same = compare(ReferenceBackend(graph).run(inputs), trace, graph, ("reference", "chip"))
    assert same.equal, str(same)
    assert same.tensors == len(graph.ops) + 1
    return model
