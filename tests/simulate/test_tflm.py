"""TFLite Micro's failures become sentences; its arena is measured and is the smallest."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from convert.errors import ModelError, UserError
from convert.tflite_reader import read
from simulate import tflm, tflm_worker
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend, arena_size, arena_use
from tests import tflite_builder as tb


def test_arena_is_the_smallest_in_which_the_model_runs() -> None:
    model = tb.conv_2d()
    use = arena_use(model)
    assert use.minimum % 16 == 0
    assert use.total == use.head + use.tail
    assert use.total <= use.minimum < 64_000
    program = (
        "import sys, simulate.tflm_child as c; m = sys.stdin.buffer.read();"
        f"print(c._works(m, {use.minimum}), c._works(m, {use.minimum - 16}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=model, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"True", b"False"]


def test_arena_is_repeatable() -> None:
    assert arena_size(tb.softmax()) == arena_size(tb.softmax())


def _one_op(kind: str) -> bytes:
    tensors = [tb.activation_tensor("x", (1, 4)), tb.activation_tensor("y", (1, 4))]
    return tb.build_model([tb.OpSpec(kind, (0,), (1,))], tensors)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (b"", "A .tflite"),
        (tb.conv_2d()[:300], "A .tflite"),
        (_one_op("BITCAST"), "BITCAST"),
        (_one_op("CUSTOM:Mystery"), "CUSTOM"),
        (tb.softmax(output_q=(0.5, 0)), "zero_point"),
        (tb.softmax(shape=(1, 2000)), "SIGABRT"),
    ],
    ids=["empty", "truncated", "unknown operator", "custom", "refused by Prepare", "aborts"],
)
def test_failures_are_sentences(model: bytes, words: str, capfd: pytest.CaptureFixture) -> None:
    if words == "SIGABRT":  # 2000 equal logits: the sum of exponentials leaves its format
        with pytest.raises(ModelError, match=words):
            TflmBackend(model)
        return
    with pytest.raises(UserError, match=words) as caught:
        TflmBackend(model)
    text = str(caught.value)
    assert "Received: " in text and "\n" not in text and len(text) < 600
    assert capfd.readouterr().err == ""


def test_arena_of_a_model_that_cannot_run() -> None:
    with pytest.raises(ModelError, match="TFLite Micro must be able to run the model"):
        arena_size(_one_op("CUSTOM:Mystery"))


def test_input_of_the_wrong_shape() -> None:
    backend = TflmBackend(tb.conv_2d(), guard=False)
    with pytest.raises(ModelError, match=r"Inputs must be int8 of shape \(batch, \*\(6, 5, 3\)\)"):
        backend.run(np.zeros((2, 6, 5), np.int8))
    with pytest.raises(ModelError, match="float32"):
        backend.run(np.zeros((2, 6, 5, 3), np.float32))


def test_no_clips() -> None:
    for backend in (TflmBackend(tb.conv_2d(), guard=False), ReferenceBackend(read(tb.conv_2d()))):
        trace = backend.run(np.zeros((0, 6, 5, 3), np.int8))
        assert {v.shape for v in trace.values()} == {(0, 6, 5, 3), (0, 6, 5, 4)}
        assert {v.dtype for v in trace.values()} == {np.dtype(np.int8)}


def test_child_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflm, "_SECONDS", 0.01)
    with pytest.raises(ModelError, match="no answer"):
        TflmBackend(tb.conv_2d())


def test_many_clips_run_in_processes_that_are_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tb.conv_2d()
    inputs = np.random.default_rng(0).integers(-128, 128, (50, 6, 5, 3)).astype(np.int8)
    backend = TflmBackend(model, guard=False)
    monkeypatch.setattr(TflmBackend, "_lost", 0)
    expected = backend.run(inputs)
    monkeypatch.setattr(tflm_worker, "MOST_LOST", 20 * sum(v[0].nbytes for v in expected.values()))
    starts = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: starts.append(1) or start(*a, **k))
    for part in np.split(inputs, [30, 35, 50]):
        found = backend.run(part)
    assert len(found) == len(expected)
    found = backend.run(inputs)
    for index, values in expected.items():
        np.testing.assert_array_equal(found[index], values)
        assert found[index].dtype == values.dtype
    assert len(starts) >= 4


def test_worker_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflm_worker, "MOST_LOST", 0)
    backend = TflmBackend(tb.conv_2d(), guard=False)
    backend._worker._model = tb.conv_2d()[:40]
    with pytest.raises(ModelError, match="TFLite Micro must be able to run the model") as caught:
        backend.run(np.zeros((1, 6, 5, 3), np.int8))
    assert "\n" not in str(caught.value)
