"""Proofs on back ends that are made to differ: where the first difference is, and the exit code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.errors import UserError
from convert.graph import Graph
from convert.tflite_reader import read
from simulate.backend import Trace
from simulate.reference import ReferenceBackend
from tests.tflite_builder import conv_2d
from tests.wakesmith.conftest import wakesmith_inside
from wakesmith import proving
from wakesmith.proving import check_names, prove_features, prove_layers, spread_rows


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
