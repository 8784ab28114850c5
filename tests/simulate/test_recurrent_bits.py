"""Recurrent operators where random inputs would not tell: last bits, tables, states."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from convert import fixedpoint as fp
from convert import graph as g
from convert.emit_aot import emit_model
from convert.errors import ModelError, SpecError
from convert.gate_tables import SIGMOID_TABLE, sigmoid_int16, tanh_int16
from convert.tflite_reader import read
from firmware.build import Compiler
from simulate.backend import windows
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import recurrent_cases as cases
from tests import tflite_builder as tb
from tests.needs import COMPILERS, skip_without
from wakesmith.bare import board_of, running


def test_the_table_is_the_same_everywhere() -> None:
    digest = hashlib.sha256(np.asarray(SIGMOID_TABLE, "<u2").tobytes()).hexdigest()
    assert digest == "c79a34d2c8c6e794fbb0207601538fe0169e968cd6d9d5ca65fff859dcd55183"


def test_sigmoid_and_tanh_are_near_the_functions() -> None:
    x = np.arange(-32768, 32768)
    real = x / 4096
    # Steps of 2^-15; the worst is the table's last entries, where the curve is taken as flat.
    assert np.abs(sigmoid_int16(x) - 32768 / (1 + np.exp(-real))).max() < 12
    assert np.abs(tanh_int16(x, 3, 0) - 32768 * np.tanh(real)).max() < 12


def scaled(total: int, real: float) -> int:
    return int(fp.multiply_by_quantized_multiplier(total, *fp.quantize_multiplier(real)))


def parts(total: int, count: int) -> np.ndarray:
    """int8 values whose sum, all but the last taken 127 times, is `total`."""
    rest = (total + 63) % 127 - 63
    share = (total - rest) // 127
    values = np.full(count - 1, share // (count - 1))
    values[: share - values.sum()] += 1
    return np.append(values, rest).astype(np.int8)


def svdf_of_ones(depth: int, memory: int, scales: dict[str, float]) -> bytes:
    """One filter whose weights are 127 and, for the last, 1, over bands or over time."""
    ones = np.ones((1, 1), int)
    feature = np.append(np.full(depth - 1, 127), 1).reshape(1, depth) if depth > 1 else ones
    time = np.append(np.full(memory - 1, 127), 1).reshape(1, memory) if memory > 1 else ones
    bias_scale = float(np.float32(scales["state"]) * np.float32(scales["time"]))
    tensors = [
        tb.activation_tensor("x", (1, depth), (scales["input"], 0)),
        cases.weights("feature", feature, scales["feature"]),
        cases.weights("time", time, scales["time"]),
        cases.weights("bias", np.zeros(1, int), bias_scale, "int32"),
        tb.activation_tensor("state", (1, memory), (scales["state"], 0), variable=True),
        tb.activation_tensor("y", (1, 1), (scales["output"], 0)),
    ]
    return tb.build_model([tb.OpSpec("SVDF", (0, 1, 2, 3, 4), (5,), g.Svdf(1))], tensors)


@pytest.mark.parametrize("where", ["feature", "time"])
def test_svdf_quotients_are_double(where: str) -> None:
    """The published source forms them in float32; the wheel does not."""
    rng = np.random.default_rng(0)
    found = 0
    while found < 10:
        a, b = (np.float32(rng.uniform(0.004, 0.03)) for _ in range(2))
        middle = int(rng.integers(1_000_000, 3_400_000))
        c = np.float32(float(a) * float(b) * middle / (int(rng.integers(20, 120)) + 0.5))
        double, single = float(a) * float(b) / float(c), float(np.float32(a * b) / c)
        edges = [
            total
            for total in range(middle - 3, middle + 4)
            if scaled(total, double) != scaled(total, single) and abs(scaled(total, double)) < 127
        ]
        if not edges:
            continue
        found += 1
        count = 300
        values = parts(edges[0], count)
        if where == "feature":
            scales = {"input": float(a), "feature": float(b), "state": float(c)}
            # A state of 1 step is 1 step of the output.
            model = svdf_of_ones(count, 1, {**scales, "time": 0.5, "output": float(c) / 2})
            inputs = values[np.newaxis, np.newaxis]
        else:
            scales = {"input": 1 / 64, "feature": float(a) * 64, "state": float(a)}
            model = svdf_of_ones(1, count, {**scales, "time": float(b), "output": float(c)})
            inputs = values[np.newaxis, :, np.newaxis]
        graph = read(model)
        output = graph.outputs[0]
        expected = TflmBackend(model, guard=False).run(inputs)[output]
        np.testing.assert_array_equal(ReferenceBackend(graph).run(inputs)[output], expected)
        assert expected.ravel()[-1] == scaled(edges[0], double)


def test_states_are_forgotten_between_clips() -> None:
    """Clips in any order and company give the same."""
    for model in (cases.svdf(), cases.lstm(steps=1)):
        graph = read(model)
        shape = graph.tensors[graph.inputs[0]].shape
        rng = np.random.default_rng(0)
        inputs = rng.integers(-128, 128, (3, 6, *shape[1:])).astype(np.int8)
        for backend in (
            ReferenceBackend(graph),
            TflmBackend(model, guard=False),
            HostBackend(emit_model(graph, steps=6)),
        ):
            together = backend.run(inputs)[graph.outputs[0]]
            assert together.shape[:2] == (3, 6)
            alone = backend.run(inputs[2:])[graph.outputs[0]]
            np.testing.assert_array_equal(together[2:], alone)
            # One run is the first step, and has no dimension of steps.
            first = backend.run(inputs[:, 0])[graph.outputs[0]]
            np.testing.assert_array_equal(together[:, 0], first)
            assert np.any(together[:, 1] != backend.run(inputs[:, 1])[graph.outputs[0]])


def test_predict_gives_the_last_step() -> None:
    graph = read(cases.svdf_network())
    inputs = np.random.default_rng(0).integers(-128, 128, (2, 9, 1, 10, 1)).astype(np.int8)
    backend = HostBackend(emit_model(graph, steps=9))
    expected = backend.run(inputs)[graph.outputs[0]][:, -1]
    np.testing.assert_array_equal(backend.predict(inputs), expected)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    ("kind", "core"),
    [
        *(("svdf", core) for core in ("cortex-m4", "cortex-m0", "cortex-m55")),
        *(("lstm", core) for core in ("cortex-m4", "cortex-m3", "cortex-m0", "cortex-m55")),
        ("wide lstm", "cortex-m4"),
    ],
)
def test_emulated_core(kind: str, core: str, compiler: Compiler, tmp_path: Path) -> None:
    skip_without(core)
    depth, units = (3, 8) if kind == "wide lstm" else (10, 9)
    model = (
        cases.svdf_network() if kind == "svdf" else cases.lstm(steps=6, depth=depth, units=units)
    )
    graph = read(model)
    steps = 7 if kind == "svdf" else 1
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    lead = (3, steps) if kind == "svdf" else (3,)
    inputs = np.random.default_rng(0).integers(-128, 128, (*lead, *shape)).astype(np.int8)
    board = board_of(core)
    generated = emit_model(graph, steps=steps, kernels=board.core.kernels)
    fast = kind != "svdf" and core in ("cortex-m4", "cortex-m3")
    assert ("dsp_lstm.c" in generated.kernels) == fast
    with running(generated, board, tmp_path, compiler=compiler) as chip:
        found = compare(
            ReferenceBackend(graph).run(inputs), chip.run(inputs), graph, ("reference", core)
        )
    assert found.equal, str(found)


def test_states_share_memory_with_nothing() -> None:
    generated = emit_model(read(cases.svdf_network()), steps=4)
    places = [(s.offset, s.offset + s.nbytes) for s in generated.states]
    assert len(places) == 2
    others = [*generated.layers, *generated.inputs, *generated.outputs]
    for low, high in places:
        assert all(slot.offset >= high or slot.offset + slot.nbytes <= low for slot in others)


def test_what_does_not_remember_costs_nothing() -> None:
    text = emit_model(read(tb.fully_connected())).files["model.h"]
    assert "reset" not in text and "STEPS" not in text
    with pytest.raises(SpecError, match="steps must be 1, or more where the model remembers"):
        emit_model(read(tb.fully_connected()), steps=2)
    with pytest.raises(ModelError, match="Inputs must be int8 of shape"):
        ReferenceBackend(read(tb.fully_connected())).run(np.zeros((2, 3, 12), np.int8))


def test_windows_are_cut_into_steps() -> None:
    features = np.arange(2 * 6 * 4).astype(np.int8).reshape(2, 6, 4)
    assert windows(features, (1, 6, 4, 1)).shape == (2, 6, 4, 1)
    assert windows(features, (1, 4)).shape == (2, 6, 4)
    assert windows(features, (1, 2, 4, 1)).shape == (2, 3, 2, 4, 1)
    np.testing.assert_array_equal(
        windows(features, (1, 2, 4))[1, 2].ravel(), features[1, 4:].ravel()
    )
    for shape in ((1, 5), (1, 8, 2, 3), (1, 2)):
        with pytest.raises(ModelError, match="must"):
            windows(features, shape)


def test_a_state_that_nothing_updates_is_refused() -> None:
    graph = read(cases.svdf())
    tensors = tuple(
        dataclasses.replace(t, state=True) if t.index == 0 else t for t in graph.tensors
    )
    with pytest.raises(ModelError, match=r"State tensor 0 .* must belong to one operator"):
        dataclasses.replace(graph, tensors=tensors).verify()
