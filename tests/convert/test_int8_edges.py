"""int8 edges around an int16 model: the same model inside, and TFLite Micro runs the file."""

from __future__ import annotations

import numpy as np
import pytest

from convert.errors import ModelError
from convert.int8_edges import with_int8_edges
from convert.tflite_reader import read
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb
from tests.op_cases import op_cases
from tests.wide_cases import as_int16

EDGES = ((1 / 64, 0), (1 / 256, -128))


@pytest.fixture(scope="module")
def model() -> bytes:
    return as_int16(op_cases("network")[1].model)


def test_edges_convert_and_leave_the_inside_alone(model: bytes) -> None:
    old, new = read(model), read(with_int8_edges(model, *EDGES))
    assert [op.kind for op in new.ops] == ["QUANTIZE", *(op.kind for op in old.ops), "QUANTIZE"]
    for what in ("inputs", "outputs"):
        before = old.tensors[getattr(old, what)[0]]
        after = new.tensors[getattr(new, what)[0]]
        assert (after.name, after.shape, after.dtype) == (before.name, before.shape, "int8")
        assert new.tensors[before.index].name == before.name + "_int16"
    rng = np.random.default_rng(0)
    values = rng.integers(-128, 128, (6, 9, 6, 1)).astype(np.int8)
    made = with_int8_edges(model, *EDGES)
    trace = TflmBackend(made).run(values)
    inside = TflmBackend(model).run(trace[old.inputs[0]])
    for index in inside:
        np.testing.assert_array_equal(trace[index], inside[index])
    found = ReferenceBackend(new).run(values)
    for index in trace:
        np.testing.assert_array_equal(found[index], trace[index])
    # 15 fractional bits of a probability to 8, halves away from zero, 256 being out of reach.
    expected = np.minimum((inside[old.outputs[0]].astype(int) + 64) // 128, 255) - 128
    np.testing.assert_array_equal(trace[new.outputs[0]], expected)


def test_same_bytes_again(model: bytes) -> None:
    assert with_int8_edges(model, *EDGES) == with_int8_edges(model, *EDGES)


@pytest.mark.parametrize(
    ("made", "received"),
    [
        (tb.relu(), "one int16 input. Received: int8"),
        (as_int16(tb.add()), "one int16 input. Received: int16 and int16"),
        (
            tb.quantize(dtype="int16", input_q=(0.1, 0), output_dtype="int8"),
            "one int16 output. Received: int8",
        ),
    ],
)
def test_other_models_are_refused(made: bytes, received: str) -> None:
    with pytest.raises(ModelError, match=received):
        with_int8_edges(made, *EDGES)
