"""Models with several inputs and outputs, of several types, in every back end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert import graph as g
from convert.emit_aot import emit_model
from convert.errors import ModelError
from convert.tflite_reader import read
from simulate import tflm_worker
from simulate.backend import batch_of, joined_values
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import recurrent_cases
from tests import tflite_builder as tb
from tests.needs import skip_without
from wakesmith.bare import board_of, running
from wakesmith.verifying import random_inputs, verify_model


def three_inputs() -> bytes:
    """int8, int16 and float32 in; two outputs, each of a chain of its own and one of both."""
    tensors = [
        tb.activation_tensor("a", (1, 4, 4, 3), (0.02, 3)),
        tb.TensorSpec("b", (1, 4, 4, 3), "int16", (0.0003,), (0,)),
        tb.activation_tensor("b8", (1, 4, 4, 3), (0.03, -5)),
        tb.activation_tensor("sum", (1, 4, 4, 3), (0.05, 1)),
        tb.activation_tensor("product", (1, 4, 4, 3), (0.02, 0)),
        tb.TensorSpec("f", (1, 5), "float32", (), ()),
        tb.activation_tensor("f8", (1, 5), (0.1, 2)),
        tb.activation_tensor("t", (1, 5), (1 / 128, 0)),
    ]
    ops = [
        tb.OpSpec("QUANTIZE", (1,), (2,)),
        tb.OpSpec("ADD", (0, 2), (3,), g.Add("none")),
        tb.OpSpec("MUL", (0, 3), (4,), g.Mul("none")),
        tb.OpSpec("QUANTIZE", (5,), (6,)),
        tb.OpSpec("TANH", (6,), (7,)),
    ]
    return tb.build_model(ops, tensors)


def with_states() -> bytes:
    """An SVDF whose output another input is added to."""
    made = tb.unpack(recurrent_cases.svdf())
    sub = made.subgraphs[0]
    units = int(sub.tensors[int(sub.outputs[0])].shape[-1])
    other = tb.unpack(tb.add(shape=(1, units)))
    first = len(sub.tensors)
    buffers = len(made.buffers)
    made.buffers += other.buffers
    for tensor in other.subgraphs[0].tensors:
        tensor.buffer += buffers
        sub.tensors.append(tensor)
    add = other.subgraphs[0].operators[0]
    add.opcodeIndex = len(made.operatorCodes)
    made.operatorCodes.append(other.operatorCodes[0])
    add.inputs, add.outputs = [int(sub.outputs[0]), first + 1], [first + 2]
    sub.operators.append(add)
    sub.inputs = [*sub.inputs, first + 1]
    sub.outputs = [first + 2]
    return tb.pack(made)


MODELS = {"types": three_inputs(), "states": with_states()}


@pytest.mark.parametrize("name", MODELS)
def test_back_ends_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(MODELS[name])
    inputs = random_inputs(graph, 20, 1)
    expected = ReferenceBackend(graph).run(inputs)
    assert set(graph.inputs) | set(graph.outputs) <= set(expected)
    wheel = TflmBackend(MODELS[name], guard=False)
    found = {"tflm": wheel.run(inputs), "host": HostBackend.from_graph(graph).run(inputs)}
    monkeypatch.setattr(tflm_worker, "MOST_LOST", 0)
    found["tflm, another process"] = wheel.run(inputs)
    for other, trace in found.items():
        same = compare(expected, trace, graph, ("reference", other))
        assert same.equal, str(same)
        assert same.tensors == len(graph.inputs) + len(graph.ops)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_emulated_core(core: str, name: str, tmp_path: Path) -> None:
    skip_without(core)
    graph, board = read(MODELS[name]), board_of(core)
    inputs = random_inputs(graph, 6, 2)
    model = emit_model(graph, kernels=board.core.kernels, steps=8 if graph.states else 1)
    with running(model, board, tmp_path, counting=True) as chip:
        found = compare(
            ReferenceBackend(graph).run(inputs), chip.run(inputs), graph, ("reference", core)
        )
        assert found.equal, str(found)
        assert chip.profile().model > 100


def test_parts_are_what_was_joined() -> None:
    graph = read(three_inputs())
    sources = [graph.tensors[index] for index in graph.inputs]
    rng = np.random.default_rng(0)
    parts = [
        rng.integers(-100, 100, (5, *source.shape[1:])).astype(source.dtype) for source in sources
    ]
    batch = batch_of(joined_values(parts), sources, stateful=False)
    for part, source, found in zip(parts, sources, batch.parts, strict=True):
        assert found.dtype == source.dtype
        np.testing.assert_array_equal(found[:, 0], part)
    with pytest.raises(ModelError, match=r"Inputs must be uint8 of shape \(batch, \*\(164,\)\)"):
        batch_of(parts[0], sources, stateful=False)


def test_verify_reads_an_archive(tmp_path: Path) -> None:
    path, archive = tmp_path / "model.tflite", tmp_path / "inputs.npz"
    path.write_bytes(three_inputs())
    graph = read(three_inputs())
    rng = np.random.default_rng(0)
    values = [
        rng.integers(-100, 100, (3, *graph.tensors[index].shape[1:])).astype(
            graph.tensors[index].dtype
        )
        for index in graph.inputs
    ]
    np.savez(archive, *values)
    said: list[str] = []
    assert verify_model(
        path,
        ("reference", "host"),
        count=1,
        seed=0,
        inputs=archive,
        board=board_of("cortex-m4"),
        ram=0,
        say=said.append,
    )
    assert "3 inputs" in said[0] and "equal" in said[1]
