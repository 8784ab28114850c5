"""Weights of 4 bits on the emulated core and in whole networks: every back end gives the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import GeneratedModel, emit_model
from convert.repack import to_int4
from convert.supported import check
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import ds_cnn as net
from tests.lowbit_cases import WAYS, with_codes
from tests.op_cases import OpCase, op_cases

BOARD = load_board("mps2-an386")
ONE = np.random.default_rng(0).integers(-128, 128, (2, 49, 10, 1)).astype(np.int8)


def emulated(model: GeneratedModel, folder: Path) -> CortexMBackend:
    image = build_bare(model.files, BOARD, out_dir=folder, kernels=model.kernels)
    return CortexMBackend(image, model)


def chosen_cases() -> list[OpCase]:
    """One of each way and operator, and what is odd about them."""
    cases = op_cases("low_bit")
    wanted = [
        f"{kind}_{i:02}_{way}"
        for kind in ("conv", "depthwise", "dense")
        for i, way in enumerate(WAYS, 3)
    ]
    wanted += ["conv_2_groups_channel", "conv_11_channel", "dense_saturates_tensor"]
    found = [next(c for c in cases if c.name.startswith(f"low_bit/{name}")) for name in wanted]
    assert len({c.name for c in found}) == len(wanted)
    return found


@pytest.mark.parametrize("case", chosen_cases(), ids=lambda case: case.name)
def test_operator_cases_on_the_emulated_core(case: OpCase, tmp_path: Path) -> None:
    graph = with_codes(read(case.model))
    model = emit_model(graph)
    assert [k for k in model.kernels if k.endswith("_s4.c")]
    same = compare(
        ReferenceBackend(graph).run(case.inputs),
        emulated(model, tmp_path).run(case.inputs),
        graph,
        ("reference", "cortex-m"),
    )
    assert same.equal, str(same)


@pytest.fixture(scope="module")
def int8_profile(tmp_path_factory: pytest.TempPathFactory) -> int:
    model = emit_model(read(net.ds_cnn(net.any_int8)))
    assert model.kernels[0] == "conv2d.c"
    return emulated(model, tmp_path_factory.mktemp("int8")).profile().model


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (lambda: net.ds_cnn(net.log4), 1.15),
        (lambda: to_int4(net.ds_cnn(net.linear4)), 1.05),
    ],
    ids=["log4", "int4"],
)
def test_ds_cnn(data: Callable[[], bytes], most: float, int8_profile: int, tmp_path: Path) -> None:
    """Every layer in every back end; decoding costs next to nothing on the plain kernels."""
    tflite = data()
    graph = read(tflite)
    check(graph)
    expected = ReferenceBackend(graph).run(ONE)
    assert np.unique(expected[graph.ops[-2].outputs[0]]).size > 8  # a network that says something
    model = emit_model(graph)
    core = emulated(model, tmp_path)
    for other in (TflmBackend(tflite), HostBackend(model), core):
        same = compare(expected, other.run(ONE), graph, ("reference", other.name))
        assert same.equal, str(same)
    assert core.profile().model <= most * int8_profile
