"""Packing never changes a value, and is done where it saves flash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.codebook import codes_of, is_linear, nbytes, pack_weights, rows
from convert.emit_aot import emit_model
from convert.errors import ModelError
from convert.graph import CHANNEL_AXES, Codes, Graph
from convert.nibbles import unpack_nibbles
from convert.repack import to_int4
from convert.tflite_reader import read
from tests import ds_cnn as net
from tests import tflite_builder as tb
from tests.lowbit_cases import WAYS, as_int4, few_valued

SHAPES = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 2}


@st.composite
def few_valued_tensors(draw) -> tuple[str, np.ndarray]:
    """Weights with at most 16 values per channel, or per tensor."""
    kind = draw(st.sampled_from(sorted(SHAPES)))
    shape = tuple(draw(st.integers(1, 6)) for _ in range(SHAPES[kind]))
    if kind == "DEPTHWISE_CONV_2D":
        shape = (1, *shape[1:])
    axis = CHANNEL_AXES[kind]
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count = draw(st.integers(1, 16))
    if draw(st.booleans()):
        return kind, rng.choice(rng.integers(-128, 128, count), shape).astype(np.int8)
    others = tuple(n for i, n in enumerate(shape) if i != axis)
    parts = [rng.choice(rng.integers(-128, 128, count), others) for _ in range(shape[axis])]
    return kind, np.stack(parts, axis=axis).astype(np.int8)


@settings(max_examples=500, deadline=None)
@given(few_valued_tensors())
def test_few_valued_tensors_decode_equal(case: tuple[str, np.ndarray]) -> None:
    kind, data = case
    codes = codes_of(data, CHANNEL_AXES[kind])
    assert codes is not None and codes.fits(data)
    assert np.array_equal(codes.decoded(), data)
    # and from the bytes in flash, by another way
    packed = rows(codes, kind)
    assert packed.size + (0 if is_linear(codes) else codes.tables.size) == nbytes(codes, kind)
    length = data.size // len(packed)
    found = np.stack([unpack_nibbles(row.view(np.uint8), packed.shape[1] * 2) for row in packed])
    assert not found[:, length:].any()
    assert np.array_equal(found[:, :length].reshape(data.shape), codes.indices)


@settings(max_examples=100, deadline=None)
@given(st.integers(17, 256), st.integers(0, 1000))
def test_more_than_16_values_stay(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).permutation(256)[:count] - 128
    data = np.resize(values, (2, 300)).astype(np.int8)
    assert codes_of(data, 0) is None


def test_values_of_4_bits_need_no_table() -> None:
    data = np.arange(-8, 8).astype(np.int8).reshape(2, 8)
    codes = codes_of(data, 0)
    assert codes is not None and is_linear(codes)
    assert nbytes(codes, "FULLY_CONNECTED") == 8
    assert rows(codes, "FULLY_CONNECTED")[1].tolist() == [0x10, 0x32, 0x54, 0x76]


def _graph(weights: np.ndarray, **more) -> Graph:
    return read(tb.conv_2d(weights=weights, filters=len(weights), **more))


@pytest.mark.parametrize("damage", ["index", "value", "shape", "tables", "type", "no data"])
def test_codes_that_lie_are_refused(damage: str) -> None:
    graph = _graph(few_valued((4, 3, 3, 3), 0, "channel", 0))
    tensor = graph.tensors[1]
    codes = codes_of(tensor.data, 0)
    indices, tables = codes.indices.copy(), codes.tables.copy()
    if damage == "index":
        indices[0, 0, 0, 0] = 16
    elif damage == "value":
        tables[2] = tables[2][::-1]
    elif damage == "shape":
        indices = indices.reshape(4, 27)
    elif damage == "tables":
        tables = tables[:3]
    elif damage == "type":
        indices = indices.astype(np.int64)
    bad = replace(
        tensor,
        codes=Codes(indices, tables, 0),
        data=None if damage == "no data" else tensor.data,
    )
    tensors = (graph.tensors[0], bad, *graph.tensors[2:])
    with pytest.raises(ModelError, match="must have codes that give its data"):
        replace(graph, tensors=tensors).verify()


def test_weights_whose_tables_cost_more_than_they_save_stay_int8() -> None:
    """Nine taps and a table of 16 are more than nine bytes; few weights do not pay for a kernel."""
    depthwise = read(
        tb.depthwise_conv_2d(channels=64, weights=few_valued((1, 3, 3, 64), 3, "channel", 1))
    )
    small = _graph(few_valued((4, 3, 3, 3), 0, "tensor", 2))
    for graph in (depthwise, small):
        assert pack_weights(graph).tensors[1].codes is None


def test_int4_weights_are_always_packed() -> None:
    model = as_int4(tb.conv_2d(weights=few_valued((4, 3, 3, 3), 0, "int4", 0)))
    codes = pack_weights(read(model)).tensors[1].codes
    assert codes is not None and is_linear(codes)


@pytest.mark.parametrize("way", WAYS)
def test_flash_is_what_the_arrays_take(way: str) -> None:
    weights = few_valued((40, 3, 3, 15), 0, way, 7)
    model = tb.conv_2d(channels=15, filters=40, weights=weights)
    graph = read(as_int4(model) if way == "int4" else model)
    packed, plain = emit_model(graph), emit_model(graph, pack=False)
    tables = {"int4": 0, "tensor": 16, "channel": 640}[way]
    assert plain.flash_bytes - packed.flash_bytes == weights.size - 40 * 68 - tables
    assert f"#define MODEL_CONSTANT_SIZE {packed.flash_bytes} " in packed.files["model.h"]
    assert plain.kernels == ("conv2d.c",) and packed.kernels == ("conv2d_s4.c",)
    assert "weights of 4 bits" in packed.files["model.c"]


def test_unused_int8_kernel_counts() -> None:
    """A saving too small for a kernel more is taken when the kernel stands in for another."""
    few = few_valued((16, 64), 0, "tensor", 3)
    alone = read(tb.fully_connected(inputs=64, units=16, weights=few))
    assert pack_weights(alone).tensors[1].codes is not None
    x, y, z = (tb.activation_tensor(n, (1, s)) for n, s in (("x", 16), ("y", 16), ("z", 16)))
    many = np.arange(256).reshape(16, 16).astype(np.int8)
    some = few_valued((16, 16), 0, "tensor", 3)
    a, b = (tb.TensorSpec(n, (16, 16), data=d) for n, d in (("a", some), ("b", many)))
    ops = [
        tb.OpSpec("FULLY_CONNECTED", (0, 3), (1,), tb.g.FullyConnected()),
        tb.OpSpec("FULLY_CONNECTED", (1, 4), (2,), tb.g.FullyConnected()),
    ]
    mixed = pack_weights(read(tb.build_model(ops, [x, y, z, a, b])))
    assert mixed.tensors[3].codes is None and mixed.tensors[4].codes is None


@pytest.mark.parametrize("draw", [net.log4, net.linear4], ids=["log4", "linear4"])
def test_ds_cnn_weights_take_at_most_055_of_int8(draw: net.Draw) -> None:
    data = net.ds_cnn(draw)
    data = to_int4(data) if draw is net.linear4 else data
    graph = read(data)
    weights = sum(t.size for t in graph.tensors if t.name.startswith("w"))
    assert weights == 2560 + 4 * (576 + 4096) + 768
    packed, plain = emit_model(graph), emit_model(graph, pack=False)
    # what is not weights (biases, multipliers, the softmax's table) is the same in both
    left = weights - (plain.flash_bytes - packed.flash_bytes)
    assert left <= 0.55 * weights
    assert all(t.codes is not None for t in pack_weights(graph).tensors if t.name.startswith("w"))
