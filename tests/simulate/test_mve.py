"""The kernels for Helium in QEMU, both compilers: every operator case, equal to the reference.

Elsewhere the same cases run the kernels' plain C; vectors and assembly are only here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.build import Compiler
from firmware.hostbuild import KERNEL_DIR
from simulate.backend import step_count
from simulate.compare import compare
from simulate.gdb import GdbBoard
from simulate.reference import ReferenceBackend
from tests.firmware.generated_cases import (
    GeneratedCase,
    generated_cases,
)
from tests.needs import ARM_GCC, COMPILERS, QEMU
from tests.op_cases import op_cases
from tests.public_models import PUBLIC
from tests.simulate.on_cores import assert_cases, assert_public_model, image_of
from wakesmith.bare import board_of, running

pytestmark = QEMU
CLIPS = 4  # of each case
FLASH = 300_000  # bytes of constants that fit beside the code of one image
RAM = 300_000


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


@pytest.mark.parametrize(
    "compiler", ["zig", pytest.param("gcc", marks=[*ARM_GCC, pytest.mark.slow])]
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
        image = image_of(models, load_board("mps3-an547"), compiler, tmp_path)
        with GdbBoard(image) as board:
            assert_cases(board, lot, CLIPS)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(compiler: Compiler, path: Path, tmp_path: Path) -> None:
    assert_public_model(path, board_of("cortex-m55"), "mve", compiler, tmp_path)


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
