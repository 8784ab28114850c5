"""The kernels for cores with MULS only on an emulated Cortex-M0, both compilers.

Elsewhere the same operator cases run the kernels' plain C; the assembly is only here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.build import Compiler
from firmware.hostbuild import KERNEL_DIR
from simulate.machine import Machine
from simulate.reference import ReferenceBackend
from tests import tflite_builder as tb
from tests.firmware.generated_cases import generated_cases
from tests.needs import COMPILERS
from tests.public_models import PUBLIC
from tests.simulate.on_cores import assert_cases, assert_public_model, image_of, outputs_on
from wakesmith.bare import board_of

CORE = "cortex-m0"
CLIPS = 6  # of each case
LEFT = {"dsp_add.c", "dsp_fully_connected_s4.c"}  # what is left to the plain C of that family


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_operator_case(compiler: Compiler, tmp_path: Path) -> None:
    cases = [
        c
        for c in generated_cases()
        if not c.graph.states
        and (
            LEFT & {*c.generated.kernels} or any(k.startswith("muls_") for k in c.generated.kernels)
        )
    ]
    models = [c.generated for c in cases]
    assert len(cases) > 60
    assert {k for m in models for k in m.kernels if k.startswith("muls_")} == {
        path.name for path in KERNEL_DIR.glob("muls_*.c")
    }
    machine = Machine(image_of(models, board_of(CORE), compiler, tmp_path))
    machine.boot()
    assert_cases(machine, cases, CLIPS)


def _extreme(seed: int) -> list[bytes]:
    """Weights of 127 and -127 (in pairs -128, too), in rows that are longer than the loops."""
    rng = np.random.default_rng(seed)
    signs = rng.choice(np.array([-127, 127], np.int8), (11, 3, 3, 9))
    dense = rng.choice(np.array([-128, 127], np.int8), (21, 203))
    small = rng.integers(-30, 31, (17, 130)).astype(np.int8)
    quiet = {"bias_data": None, "input_q": (1 / 64, 0), "output_q": (0.5, -3)}
    return [
        tb.conv_2d(channels=9, filters=11, weights=signs, **quiet),
        tb.conv_2d(channels=9, filters=11, weights=np.full_like(signs, -127), **quiet),
        tb.fully_connected(inputs=203, units=21, weights=dense, **quiet),
        tb.fully_connected(inputs=203, units=21, weights=np.full_like(dense, -128), **quiet),
        tb.fully_connected(inputs=203, units=21, weights=15 * np.sign(dense), **quiet),
        tb.fully_connected(inputs=203, units=21, weights=40 * np.sign(dense), **quiet),
        tb.fully_connected(inputs=130, units=17, weights=small, **quiet),
        tb.depthwise_conv_2d(channels=9, weights=signs[:1], **quiet),
    ]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_largest_sums(compiler: Compiler, tmp_path: Path) -> None:
    """Values, and most weights, are at the ends of what they may be."""
    graphs = [read(model) for model in _extreme(4)]
    models = [
        emit_model(graph, prefix=f"extreme{i}", pack=False, kernels="muls")
        for i, graph in enumerate(graphs)
    ]
    assert all("muls_dense.c" in m.kernels for m in models if "muls_fully_connected.c" in m.kernels)
    machine = Machine(image_of(models, board_of(CORE), compiler, tmp_path))
    machine.boot()
    rng = np.random.default_rng(5)
    for graph, model in zip(graphs, models, strict=True):
        assert all(kernel.startswith("muls_") for kernel in model.kernels)
        shape = graph.tensors[graph.inputs[0]].shape[1:]
        inputs = rng.choice(np.array([-128, 127], np.int8), (8, *shape))
        inputs[0], inputs[1] = -128, 127
        expected = np.asarray(ReferenceBackend(graph).run(inputs)[graph.outputs[0]])
        assert len(np.unique(expected)) > 4
        np.testing.assert_array_equal(
            outputs_on(machine, model, inputs), expected.reshape(len(inputs), -1)
        )


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(compiler: Compiler, path: Path, tmp_path: Path) -> None:
    board = board_of(CORE)
    model = assert_public_model(path, board, board.core.kernels, compiler, tmp_path)
    assert any(kernel.startswith("muls_") for kernel in model.kernels)
    assert not any(kernel.startswith("dsp_") for kernel in model.kernels)
