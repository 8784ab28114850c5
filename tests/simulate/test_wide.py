"""int16 values on the chip: the emulated core equals the definition, and what C it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.emit_aot import emit_model
from convert.int8_edges import with_int8_edges
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.reference import ReferenceBackend
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
