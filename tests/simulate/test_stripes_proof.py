"""Public models with layers in stripes, on every kind of core: the bits of whole layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.tflite_reader import read
from simulate.compare import compare
from simulate.qemu import qemu_available
from simulate.reference import ReferenceBackend
from tests.public_models import PUBLIC
from tests.striped_cases import forced
from wakesmith.bare import board_of, running
from wakesmith.verifying import random_inputs

HELIUM = pytest.param(
    "cortex-m55",
    marks=[
        pytest.mark.qemu,
        pytest.mark.skipif(not qemu_available(), reason="qemu-system-arm is missing"),
    ],
)
INPUTS = 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["one", "two", "three"])
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m3", "cortex-m0", HELIUM])
@pytest.mark.parametrize("path", PUBLIC)
def test_public_models_in_stripes(path: Path, core: str, seed: str, tmp_path: Path) -> None:
    graph = read(path.read_bytes())
    board = board_of(core)
    generated = forced(graph, "model", board.core.kernels, f"{path.stem} {seed}")
    if generated is None:
        pytest.skip("no two layers can be cut into rows")
    inputs = random_inputs(graph, INPUTS, 1)
    with running(generated, board, tmp_path) as backend:
        same = compare(
            ReferenceBackend(graph).run(inputs), backend.run(inputs), graph, ("reference", core)
        )
    assert same.equal, str(same)
    assert same.tensors == len(generated.layers) + 1
