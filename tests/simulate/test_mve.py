"""The kernels for Helium in QEMU, both compilers: every operator case, equal to the reference.

Elsewhere the same cases run the kernels' plain C; vectors and assembly are only here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import GeneratedModel, emit_model
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.hostbuild import KERNEL_DIR, Source
from simulate.backend import step_count
from simulate.compare import compare
from simulate.gdb import GdbBoard
from simulate.qemu import qemu_available
from simulate.reference import ReferenceBackend
from tests.firmware.generated_cases import (
    GeneratedCase,
    generated_cases,
    public_model_parameters,
)
from tests.op_cases import op_cases
from wakesmith.bare import board_of, running

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not qemu_available(), reason="qemu-system-arm is missing"),
]
GCC = pytest.param(
    "gcc",
    marks=[
        pytest.mark.arm_gcc,
        pytest.mark.skipif(
            shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing"
        ),
    ],
)
COMPILERS = ["zig", GCC]
CLIPS = 4  # of each case
FLASH = 300_000  # bytes of constants that fit beside the code of one image
RAM = 300_000

_MAIN = """\
#include "ws_board.h"

int main(void) {
    for (;;) {
        ws_board_sleep();
    }
}
"""


def _images(cases: Sequence[GeneratedCase]) -> Iterator[list[GeneratedCase]]:
    """The cases in lots that fit the board."""
    lot: list[GeneratedCase] = []
    for c in cases:
        models = [x.generated for x in (*lot, c)]
        flash = sum(m.flash_bytes for m in models)
        if lot and (flash > FLASH or sum(m.arena_size for m in models) > RAM):
            yield lot
            lot = []
        lot.append(c)
    yield lot


def _sources(models: Sequence[GeneratedModel]) -> dict[str, Source]:
    sources: dict[str, Source] = {"main.c": _MAIN}
    for model in models:
        sources.update(model.files)
    for name in sorted({kernel for model in models for kernel in model.kernels}):
        sources[name] = KERNEL_DIR / name
    return sources


def _outputs(board: GdbBoard, model: GeneratedModel, inputs: np.ndarray) -> np.ndarray:
    arena = board.elf.symbols[model.arena_symbol]
    source, result = model.inputs[0], model.outputs[0]
    found = []
    for values in inputs:
        board.write(arena, b"\x55" * model.arena_size)
        board.write(arena + source.offset, values.tobytes())
        board.call(f"{model.prefix}_invoke")
        found.append(np.frombuffer(board.read(arena + result.offset, result.nbytes), np.uint8))
    return np.array(found).view(np.dtype(result.dtype)).reshape(len(inputs), -1)


@pytest.mark.parametrize(
    "compiler", ["zig", pytest.param("gcc", marks=[*GCC.marks, pytest.mark.slow])]
)
def test_every_operator_case(compiler: Compiler, tmp_path: Path) -> None:
    cases = [
        c for c in generated_cases() if c.generated.prefix.endswith("_mve") and not c.graph.states
    ]
    assert len(cases) > 80
    used = {k for c in cases for k in c.generated.kernels}
    assert {k for k in used if k.startswith("mve_")} == {
        path.name for path in KERNEL_DIR.glob("mve_*.c")
    }
    for lot in _images(cases):
        models = [c.generated for c in lot]
        image = build(
            _sources(models),
            load_board("mps3-an547"),
            compiler=compiler,
            out_dir=tmp_path,
            name="cases",
            keep=[f"{m.prefix}_{name}" for m in models for name in ("init", "invoke")],
        )
        with GdbBoard(image) as board:
            for c in lot:
                inputs = np.ascontiguousarray(c.case.inputs[:CLIPS])
                expected = ReferenceBackend(c.graph).run(inputs)[c.graph.outputs[0]]
                found = _outputs(board, c.generated, inputs)
                np.testing.assert_array_equal(
                    found, np.asarray(expected).reshape(len(inputs), -1), err_msg=c.case.name
                )


@pytest.mark.parametrize("path", public_model_parameters())
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(compiler: Compiler, path: Path, tmp_path: Path) -> None:
    graph = read(path.read_bytes())
    model = emit_model(graph, kernels="mve")
    shape = model.inputs[0].shape[1:]
    inputs = np.random.default_rng(3).integers(-128, 128, (4, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    with running(model, board_of("cortex-m55"), tmp_path, compiler=compiler) as qemu:
        trace = qemu.run(inputs)
    same = compare(ReferenceBackend(graph).run(inputs), trace, graph, ("reference", "qemu"))
    assert same.equal, str(same)
    assert same.tensors == len(graph.ops) + 1


@pytest.mark.parametrize("family", ["lstm", "svdf"])
def test_models_with_states(family: str, tmp_path: Path) -> None:
    """Sums of products are vectors on this core."""
    cases = [c for c in op_cases(family) if c.portable]
    for case in cases[:: len(cases) // 3]:
        graph = read(case.model)
        steps = step_count(case.inputs, graph.tensors[graph.inputs[0]].shape)
        model = emit_model(graph, steps=steps if graph.states else 1, kernels="mve")
        with running(model, board_of("cortex-m55"), tmp_path) as qemu:
            trace = qemu.run(case.inputs)
        expected = ReferenceBackend(graph).run(case.inputs)
        same = compare(expected, trace, graph, ("reference", "qemu"))
        assert same.equal, f"{case.name}: {same}"
