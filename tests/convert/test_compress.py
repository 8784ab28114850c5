"""LUT compression: what TFLite Micro decodes is what went in, and damaged tables are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.compress import lut_compress
from convert.errors import ModelError, UnsupportedModelError
from convert.lut import DECODE, Encoded, decode, encode, fold_tables
from convert.passes import prepare
from convert.supported import check
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import ds_cnn as net
from tests import tflite_builder as tb
from tests.lowbit_cases import few_valued

MODELS = {
    "ds_cnn": (net.ds_cnn(net.log4), (49, 10, 1)),
    "conv_per_channel": (
        tb.conv_2d(channels=15, filters=40, weights=few_valued((40, 3, 3, 15), 0, "channel", 1)),
        (6, 5, 15),
    ),
    "conv_per_tensor": (
        tb.conv_2d(
            channels=15,
            filters=40,
            per_channel=False,
            weights=few_valued((40, 3, 3, 15), 0, "tensor", 1),
        ),
        (6, 5, 15),
    ),
    "depthwise": (
        tb.depthwise_conv_2d(
            channels=64, kernel=(7, 9), weights=few_valued((1, 7, 9, 64), 3, "channel", 1)
        ),
        (6, 5, 64),
    ),
    "dense_7_bits": (
        tb.fully_connected(
            inputs=300,
            units=20,
            weights=np.resize(np.arange(-64, 64), (20, 300)),
            output_q=(0.5, 3),
        ),
        (300,),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_compressed_runs_as_before(name: str) -> None:
    before, clip = MODELS[name]
    after = lut_compress(before)
    assert len(after) < len(before)
    old, new = read(before), read(after)
    assert any(op.kind == DECODE for op in new.ops)
    # tensors keep index and name, so that layers can be compared across the two files
    assert [t.name for t in new.tensors][: len(old.tensors)] == [t.name for t in old.tensors]
    check(new)
    check(new, "tflm")
    inputs = np.random.default_rng(0).integers(-128, 128, (5, *clip)).astype(np.int8)
    expected = TflmBackend(before).run(inputs)
    compressed = TflmBackend(after)
    for other in (compressed, ReferenceBackend(new), HostBackend.from_graph(new)):
        same = compare(expected, other.run(inputs), old, ("tflm", other.name))
        assert same.equal, str(same)


def test_what_does_not_pay_is_returned_as_it_is() -> None:
    small = tb.conv_2d(weights=few_valued((4, 3, 3, 3), 0, "tensor", 0))
    assert lut_compress(small) == small
    many = net.ds_cnn(net.any_int8)  # over 128 values
    assert lut_compress(many) == many


def test_compressed_twice() -> None:
    with pytest.raises(ModelError, match="compressed already"):
        lut_compress(lut_compress(MODELS["depthwise"][0]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(1, 128),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_any_few_valued_tensor_decodes_equal(
    shape: list[int], count: int, seed: int, per_channel: bool
) -> None:
    rng = np.random.default_rng(seed)
    data = rng.choice(rng.integers(-128, 128, count), shape).astype(np.int8)
    axis = int(rng.integers(len(shape))) if per_channel else None
    made = encode(data, axis)
    assert made is not None and made.axis == axis
    assert np.array_equal(decode(made, tuple(shape)), data)


def test_more_than_7_bits() -> None:
    assert encode(np.arange(-64, 65).astype(np.int8), None) is None


GOOD = encode(few_valued((4, 3, 3, 3), 0, "channel", 0), 0)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 1),
        (1, 2),
        (4, 0),
        (5, 0),
        (5, 0x08),
        (5, 0x44),
        (5, 0x14),
        (5, 0xF4),
        (6, 0),
        (6, 200),
        (6, 15),
    ],
)
def test_damaged_header(place: int, value: int) -> None:
    assert GOOD is not None
    ancillary = GOOD.ancillary.copy()
    ancillary[place] = value
    with pytest.raises(ModelError, match=r"Received") as caught:
        decode(Encoded(GOOD.data, ancillary), (4, 3, 3, 3))
    assert "\n" not in str(caught.value)


def test_damaged_vectors() -> None:
    assert GOOD is not None
    shape = (4, 3, 3, 3)
    few = encode(few_valued(shape, 0, "channel", 0) // 64 * 64, 0)  # indices of 2 bits, 4 values
    assert few is not None and few.ancillary[6] == 4
    few.ancillary[6] = 3
    cut = np.delete(few.ancillary, slice(-4, None))
    for bad in (
        Encoded(GOOD.data[:-1], GOOD.ancillary),
        Encoded(GOOD.data, GOOD.ancillary[:-1]),
        Encoded(GOOD.data, GOOD.ancillary[:7]),
        Encoded(few.data, cut),
    ):
        with pytest.raises(ModelError, match="must have data, tables and shapes that agree"):
            decode(bad, shape)


def test_tables_that_do_not_match_the_scales_are_refused() -> None:
    """TFLite Micro decodes them into something else and says nothing."""
    graph = read(lut_compress(MODELS["conv_per_channel"][0]))
    weights = graph.tensors[1]
    assert weights.quant is not None
    one = replace(weights, quant=replace(weights.quant, scale=(0.1,), zero_point=(0,)))
    other = replace(weights, quant=replace(weights.quant, axis=3))
    for bad in (one, other):
        with pytest.raises(UnsupportedModelError, match="a table for each scale"):
            fold_tables(replace(graph, tensors=(graph.tensors[0], bad, *graph.tensors[2:])))


@pytest.mark.parametrize("what", ["computed", "inputs", "float"])
def test_operators_that_are_no_constants(what: str) -> None:
    graph = read(lut_compress(MODELS["depthwise"][0]))
    op = next(op for op in graph.ops if op.kind == DECODE)
    tensors = list(graph.tensors)
    if what == "computed":
        tensors[op.inputs[0]] = replace(tensors[op.inputs[0]], data=None)
        graph = replace(graph, inputs=(*graph.inputs, op.inputs[0]))
    elif what == "float":
        tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], dtype="float32")
    else:
        bad = replace(op, inputs=op.inputs[:1])
        graph = replace(graph, ops=tuple(bad if o is op else o for o in graph.ops))
    with pytest.raises(ModelError, match="DECODE"):
        prepare(replace(graph, tensors=tuple(tensors)))
