"""The DSP kernels on emulated cores, both compilers: every operator case, equal to the reference.

Elsewhere the same cases run the kernels' plain C; the assembly is only here.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import GeneratedModel, emit_model
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.hostbuild import KERNEL_DIR, Source
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.machine import Machine
from simulate.reference import ReferenceBackend
from tests.firmware.generated_cases import generated_cases, public_model_parameters

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
CORES = ["mps2-an386", "mps2-an500", "mps2-an505", "mps2-an385"]  # M4, M7, M33, M3
KINDS = ["mps2-an386", "mps2-an385"]  # one core of each kind that has loops of its own
CLIPS = 6  # of each case

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


def outputs_on(machine: Machine, model: GeneratedModel, inputs: np.ndarray) -> np.ndarray:
    """Outputs of `model` for each of `inputs`, on a booted core, flat."""
    arena = machine.symbol_view(model.arena_symbol, model.arena_size)
    source, result = model.inputs[0], model.outputs[0]
    found = []
    machine.call(f"{model.prefix}_init")
    for values in inputs:
        arena[:] = 0x55
        arena[source.offset : source.offset + source.nbytes] = values.reshape(-1).view(np.uint8)
        machine.call(f"{model.prefix}_invoke")
        found.append(arena[result.offset : result.offset + result.nbytes].copy())
    return np.array(found).view(np.dtype(result.dtype)).reshape(len(inputs), -1)


@pytest.mark.parametrize("board", KINDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_operator_case(compiler: Compiler, board: str, tmp_path: Path) -> None:
    cases = [
        c for c in generated_cases() if c.generated.prefix.endswith("_dsp") and not c.graph.states
    ]
    models = [c.generated for c in cases]
    assert len(cases) > 80
    assert {k for m in models for k in m.kernels if k.startswith("dsp_")} == {
        path.name for path in KERNEL_DIR.glob("dsp_*.c") if path.name != "dsp_lstm.c"
    }  # which test_recurrent_bits.py runs
    entries = [f"{m.prefix}_{name}" for m in models for name in ("init", "invoke")]
    image = build(
        sources_of(models),
        load_board(board),
        compiler=compiler,
        out_dir=tmp_path,
        name="cases",
        keep=entries,
    )
    machine = Machine(image)
    machine.boot()
    for c in cases:
        inputs = c.case.inputs[:CLIPS]
        expected = ReferenceBackend(c.graph).run(inputs)[c.graph.outputs[0]]
        found = outputs_on(machine, c.generated, inputs)
        np.testing.assert_array_equal(
            found, np.asarray(expected).reshape(len(inputs), -1), err_msg=c.case.name
        )


@pytest.mark.parametrize("board", KINDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_loops_keep_the_registers_of_their_callers(
    compiler: Compiler, board: str, tmp_path: Path
) -> None:
    folder = Path(__file__).parents[1] / "firmware" / "c"
    sources: dict[str, Source] = {"kept_registers.c": folder / "kept_registers.c"}
    sources |= {path.name: path for path in KERNEL_DIR.glob("dsp_*.c")}
    image = build(
        sources,
        load_board(board),
        compiler=compiler,
        out_dir=tmp_path,
        name="kept",
        keep=["ws_try"],
    )
    machine = Machine(image)
    machine.boot()
    kept = machine.symbol_view("ws_kept", 32).view(np.uint32)
    tried = 0
    while machine.call("ws_try", tried):
        assert kept.tolist() == list(range(104, 112)), f"loop {tried}"
        kept[:] = 0
        tried += 1
    assert tried == (10 if board == "mps2-an385" else 9)


@pytest.mark.parametrize("path", public_model_parameters())
@pytest.mark.parametrize("board", CORES)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(
    compiler: Compiler, board: str, path: Path, tmp_path: Path
) -> None:
    graph = read(path.read_bytes())
    model = emit_model(graph, kernels="dsp")
    shape = model.inputs[0].shape[1:]
    inputs = np.random.default_rng(3).integers(-128, 128, (4, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    image = build_bare(
        model.files,
        load_board(board),
        out_dir=tmp_path,
        kernels=model.kernels,
        compiler=compiler,
    )
    trace = CortexMBackend(image, model).run(inputs)
    same = compare(ReferenceBackend(graph).run(inputs), trace, graph, ("reference", "cortex-m"))
    assert same.equal, str(same)
    assert same.tensors == len(graph.ops) + 1
