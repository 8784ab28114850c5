"""Proofs on back ends that are made to differ: where the first difference is, and the exit code."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from convert.errors import UserError
from convert.graph import Graph
from convert.tflite_reader import read
from simulate.backend import Trace
from simulate.reference import ReferenceBackend
from tests.tflite_builder import OpSpec, TensorSpec, build_model, conv_2d, relu
from tests.wakesmith.conftest import wakesmith_inside
from wakesmith import console, proving
from wakesmith.console import Meter
from wakesmith.proving import check_names, prove_features, prove_layers, spread_rows
from wakesmith.verifying import random_inputs


class Wrong:
    """A back end that is off by one in one place of one clip."""

    name = "host"

    def __init__(self, graph: Graph, clip: int) -> None:
        self._inner = ReferenceBackend(graph)
        self._output = graph.outputs[0]
        self._clip = clip
        self._seen = 0

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        trace = self._inner.run(inputs)
        row = self._clip - self._seen
        self._seen += len(inputs)
        if 0 <= row < len(inputs):
            values = trace[self._output].copy()
            values.reshape(len(values), -1)[row, 2] ^= 1
            trace[self._output] = values
        return trace


@pytest.fixture
def graph() -> Graph:
    return read(conv_2d())


def inputs(graph: Graph, count: int) -> NDArray[np.int8]:
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    return np.random.default_rng(0).integers(-128, 128, (count, *shape)).astype(np.int8)


@pytest.mark.parametrize("chunk", [1, 300, 1 << 26])
def test_the_first_difference_has_its_place(
    graph: Graph, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "_CHUNK_BYTES", chunk)
    backends = {"reference": ReferenceBackend(graph), "host": Wrong(graph, 5)}
    outcome = prove_layers(backends, graph, inputs(graph, 9))
    proof = outcome.proof
    assert (proof.mismatches, proof.clips) == (1, 9)
    assert "layer 0 (CONV_2D)" in proof.first
    assert "clip 5, element 2" in proof.first
    assert outcome.outputs["host"].shape[0] == 9
    per_clip = sum(graph.tensors[i].size for i in (graph.inputs[0], graph.outputs[0]))
    assert proof.compared == 9 * per_clip


class Twice:
    """Off by 4 in layer 1 of clip 1 and of clip 5, and by 1 in layer 0 of clip 7 and of clip 8."""

    name = "host"

    def __init__(self, graph: Graph) -> None:
        self._inner, self._graph, self._seen = ReferenceBackend(graph), graph, 0

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        trace = self._inner.run(inputs)
        for clip, layer, bit in ((1, 1, 4), (5, 1, 4), (7, 0, 1), (8, 0, 1)):
            if 0 <= clip - self._seen < len(inputs):
                index = self._graph.ops[layer].outputs[0]
                trace[index] = trace[index].copy()
                trace[index][clip - self._seen, 3] ^= bit
        self._seen += len(inputs)
        return trace


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_the_first_difference_is_that_of_the_earliest_layer(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "_CHUNK_CLIPS", count)
    tensors = [TensorSpec(name, (1, 30)) for name in "xyz"]
    graph = read(build_model([OpSpec("RELU", (0,), (1,)), OpSpec("RELU", (1,), (2,))], tensors))
    for clips, layer, place, differing, largest in ((9, 0, 7, 2, 1), (7, 1, 1, 2, 4)):
        backends = {"reference": ReferenceBackend(graph), "host": Twice(graph)}
        proof = prove_layers(backends, graph, inputs(graph, clips)).proof
        assert f"layer {layer} (RELU)" in proof.first
        assert f"clip {place}, element 3 [3]" in proof.first
        told = f"{differing} of {30 * clips} elements differ there, by up to {largest}"
        assert told in proof.first
        assert proof.mismatches == (4 if clips == 9 else 2)


def test_equal_back_ends(graph: Graph) -> None:
    same = {"reference": ReferenceBackend(graph), "host": Wrong(graph, 99)}
    proof = prove_layers(same, graph, inputs(graph, 4)).proof
    assert proof.mismatches == 0
    assert proof.first == ""


def test_verify_exits_with_1_on_a_difference(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wakesmith.verifying as verifying

    (tmp_path / "m.tflite").write_bytes(conv_2d())
    monkeypatch.setattr(verifying, "HostBackend", lambda generated: Wrong(graph, 3))
    done = wakesmith_inside(
        "verify", "m.tflite", "--backends", "reference,host", "--clips", 6, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "part in layer 0 (CONV_2D)" in done.stdout
    assert "clip 3, element 2" in done.stdout


def edges(inside: str, outside: str) -> bytes:
    """QUANTIZE, RELU and DEQUANTIZE or QUANTIZE: types as converters put them at the edges."""
    moved = 128 if outside == "uint8" else 0
    shape, last = (1, 30), "DEQUANTIZE" if outside == "float32" else "QUANTIZE"
    tensors = [
        TensorSpec("x", shape, outside, (0.1,), (5 + moved,)),
        TensorSpec("q", shape, inside, (0.1,), (5,)),
        TensorSpec("r", shape, inside, (0.07,), (-128,)),
        TensorSpec("y", shape, outside, (0.07,), (-128 + moved,)),
    ]
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("RELU", (1,), (2,)), OpSpec(last, (2,), (3,))]
    return build_model(ops, tensors)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_other_types_at_the_edges_of_a_model(dtype: str, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(edges("int8", dtype))
    done = wakesmith_inside("verify", "m.tflite", "--clips", 20, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bytes equal (4 tensors, 20 clips)") == 3


@pytest.mark.parametrize("dtype", ["int8", "float32", "uint8"])
def test_random_inputs_reach_the_extremes(dtype: str) -> None:
    graph = read(relu(shape=(1, 30)) if dtype == "int8" else edges("int8", dtype))
    found = random_inputs(graph, 60, 1)
    assert found.shape == (60, 30) and found.dtype == dtype
    np.testing.assert_array_equal(found, random_inputs(graph, 60, 1))
    tensor = graph.tensors[0 if dtype == "int8" else 1]
    first = graph.ops[0].outputs[0]
    codes = ReferenceBackend(graph).run(found)[0 if dtype == "int8" else first]
    assert tensor.quant is not None
    assert {int(codes[0].max()), int(codes[0].min())} == {-128}
    assert int(codes[1].min()) >= 126  # float32 inputs are moved by up to 0.6 steps
    assert np.all(codes[2] == tensor.quant.zero_point[0])
    assert len(np.unique(codes)) > 200


def test_a_command_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = io.StringIO()
    with Meter("verifying", Console(file=heard)) as meter:
        meter(1, 4, "host")
        assert heard.getvalue() == ""
        monkeypatch.setattr(console, "_EVERY", 0.0)
        meter._next = 0.0
        meter(2, 4, "host, clip 2")
        meter(0, 0, "making the back end host")
    lines = heard.getvalue().splitlines()
    assert lines == ["verifying  50 % host, clip 2", "verifying making the back end host"]
    terminal = io.StringIO()
    with Meter("verifying", Console(file=terminal, force_terminal=True)) as meter:
        meter(3, 4, "host")
        meter._bar.refresh()
    assert "75 %" in terminal.getvalue()


def test_features() -> None:
    class Ear:
        def __init__(self, name: str, flip: bool) -> None:
            self.name, self.flip = name, flip

        def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
            found = np.zeros((len(clips), 4, 3), np.int8)
            found[1, 2, 1] = self.flip
            return found

    clips = np.zeros((2, 10), np.int16)
    proof, said = prove_features({"a": Ear("a", False), "b": Ear("b", True)}, clips)
    assert (proof.mismatches, proof.compared) == (1, 24)
    assert "clip 1, frame 2, band 1: 0 and 1" in said[0]


def test_names() -> None:
    assert check_names(["host", "tflm", "host"]) == ("tflm", "host")
    with pytest.raises(UserError, match="at least two"):
        check_names(["host", "host"])


def test_rows_are_spread() -> None:
    rows = np.arange(100)
    assert spread_rows(rows, 1000).tolist() == rows.tolist()
    assert spread_rows(rows, 3).tolist() == [0, 49, 99]
