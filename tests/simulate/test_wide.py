"""int16 values on the chip: the emulated core equals the definition, and what C it is made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert import graph as g
from convert.emit_aot import emit_model
from convert.families import Kernels
from convert.int8_edges import with_int8_edges
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from tests import tflite_builder as tb
from tests.op_cases import OpCase, op_cases
from tests.op_cases.networks import mixed
from tests.wide_cases import as_int16

BOARD = load_board("mps2-an386")


@pytest.mark.parametrize(
    ("like", "wide"),
    [
        *((case, as_int16(case.model)) for case in op_cases("network")[:2]),
        (
            next(c for c in op_cases("network") if c.name == "network/mixed_zero3"),
            as_int16(mixed(3, hard=False)),
        ),
    ],
    ids=["chain", "residual", "mixed"],
)
def test_network_with_int8_edges_on_cortex_m4(like: OpCase, wide: bytes, tmp_path: Path) -> None:
    model = with_int8_edges(wide, (1 / 64, 0), (1 / 256, -128))
    graph = read(model)
    generated = emit_model(graph)
    image = build_bare(generated.files, BOARD, out_dir=tmp_path, kernels=generated.kernels)
    backend = CortexMBackend(image, generated)
    same = compare(
        ReferenceBackend(graph).run(like.inputs),
        backend.run(like.inputs),
        graph,
        ("reference", "cortex-m"),
    )
    assert same.equal and same.tensors == sum(len(op.outputs) for op in graph.ops) + 1, str(same)
    assert backend.profile().model > 1000


def test_arena_is_declared_as_what_it_holds() -> None:
    """Reading int16 values from an array declared as int8_t would be undefined in C."""
    made = emit_model(read(as_int16(op_cases("network")[0].model)))
    text = made.files["model.c"]
    assert "static int16_t model_arena[MODEL_ARENA_SIZE / 2] WS_ALIGNED(16);" in text
    assert "int16_t *model_input(void)" in text and "ws_kernels_s16.h" in text
    plain = emit_model(read(op_cases("network")[0].model))
    assert "static int8_t model_arena[MODEL_ARENA_SIZE]" in plain.files["model.c"]
    assert made.arena_size > plain.arena_size


@pytest.mark.parametrize("kernels", ["dsp", "muls", "mve"])
def test_scratch_memory_of_int8_layers_lies_where_the_plan_says(kernels: Kernels) -> None:
    """Beside int16 values the arena is declared as int16_t, but scratch memory counts in bytes."""
    rng = np.random.default_rng(1)

    def weights(shape: tuple[int, ...]) -> tb.TensorSpec:
        data = rng.integers(-127, 128, shape).astype(np.int8)
        return tb.TensorSpec("w", shape, "int8", (0.01,) * shape[0], (0,) * shape[0], 0, data)

    tensors = [
        tb.activation_tensor("input", (1, 6, 6, 4), (1 / 64, 3)),
        weights((8, 3, 3, 4)),
        tb.activation_tensor("first", (1, 6, 6, 8), (0.06, -4)),
        weights((2, 1, 1, 8)),
        tb.activation_tensor("second", (1, 6, 6, 2), (0.06, -4)),
        tb.TensorSpec("output", (1, 6, 6, 2), "int16", (0.0003,), (0,)),
    ]
    ops = [
        tb.OpSpec("CONV_2D", (0, 1), (2,), g.Conv2D("same", (1, 1))),
        tb.OpSpec("CONV_2D", (2, 3), (4,), g.Conv2D("same", (1, 1))),
        tb.OpSpec("QUANTIZE", (4,), (5,)),
    ]
    graph = read(tb.build_model(ops, tensors, [0], [5]))
    generated = emit_model(graph, kernels=kernels)
    assert generated.scratch
    for offset, _ in generated.scratch:
        assert f"((int8_t *)model_arena + {offset})" in generated.files["model.c"]
    inputs = rng.integers(-128, 128, (3, 6, 6, 4)).astype(np.int8)
    found = HostBackend(generated).run(inputs)
    same = compare(ReferenceBackend(graph).run(inputs), found, graph, ("reference", "host"))
    assert same.equal, str(same)
