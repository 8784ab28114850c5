"""The kernels for cores with MULS only on an emulated Cortex-M0, both compilers.

Elsewhere the same operator cases run the kernels' plain C; the assembly is only here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.build import Compiler, build
from firmware.hostbuild import KERNEL_DIR
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.machine import Machine
from simulate.reference import ReferenceBackend
from tests.firmware.generated_cases import generated_cases, public_model_parameters
from tests.simulate.test_dsp import CLIPS, COMPILERS, outputs_on, sources_of
from wakesmith.bare import board_of

CORE = "cortex-m0"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_operator_case(compiler: Compiler, tmp_path: Path) -> None:
    cases = [
        c
        for c in generated_cases()
        if any(kernel.startswith("muls_") for kernel in c.generated.kernels) and not c.graph.states
    ]
    models = [c.generated for c in cases]
    assert len(cases) > 60
    assert {k for m in models for k in m.kernels if k.startswith("muls_")} == {
        path.name for path in KERNEL_DIR.glob("muls_*.c")
    }
    image = build(
        sources_of(models),
        board_of(CORE),
        compiler=compiler,
        out_dir=tmp_path,
        name="cases",
        keep=[f"{m.prefix}_{name}" for m in models for name in ("init", "invoke")],
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


@pytest.mark.parametrize("path", public_model_parameters())
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(compiler: Compiler, path: Path, tmp_path: Path) -> None:
    graph = read(path.read_bytes())
    board = board_of(CORE)
    model = emit_model(graph, kernels=board.core.kernels)
    assert any(kernel.startswith("muls_") for kernel in model.kernels)
    assert not any(kernel.startswith("dsp_") for kernel in model.kernels)
    shape = model.inputs[0].shape[1:]
    inputs = np.random.default_rng(3).integers(-128, 128, (4, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    image = build_bare(
        model.files, board, out_dir=tmp_path, kernels=model.kernels, compiler=compiler
    )
    trace = CortexMBackend(image, model).run(inputs)
    same = compare(ReferenceBackend(graph).run(inputs), trace, graph, ("reference", "cortex-m"))
    assert same.equal, str(same)
    assert same.tensors == len(graph.ops) + 1
