"""int8 on a 4-bit grid becomes INT4: exactly that grid, run by TFLite Micro, or a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.errors import ModelError, SpecError
from convert.nibbles import pack_nibbles, unpack_nibbles
from convert.repack import find_grid, to_int4, weight_tensors
from convert.supported import check
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb

CHANNEL_LEVELS = st.lists(st.integers(-7, 7), min_size=1, max_size=40)


def converted(levels: np.ndarray) -> np.ndarray:
    """What the converter makes of one channel's levels: int8 with the largest at 127."""
    most = max(int(np.abs(levels).max(initial=0)), 1)
    scale = np.float32(most) / np.float32(127)
    return np.round(levels.astype(np.float32) / scale).astype(np.int8)


def grid_weights(shape: tuple[int, ...], axis: int | None, seed: int = 0) -> np.ndarray:
    """Random levels, one of every channel at 7, as the converter would write them."""
    levels = np.random.default_rng(seed).integers(-7, 8, shape)
    if axis is None:
        levels.flat[0] = 7
        return converted(levels)
    channels = np.moveaxis(levels, axis, 0)
    channels[(slice(None), *(0,) * (levels.ndim - 1))] = -7
    return np.moveaxis(np.stack([converted(c) for c in channels]), 0, axis)


@settings(max_examples=500)
@given(CHANNEL_LEVELS)
def test_levels_are_found_back(levels: list[int]) -> None:
    k = np.array(levels)
    most = int(np.abs(k).max())
    grid = find_grid(converted(k))
    assert grid is not None
    if most == 0:
        assert grid.peak == 0 and not grid.levels.any()
        return
    assert grid.peak == 127
    # the same real values, though 2/6 may be written as 1/3
    assert np.array_equal(grid.levels.astype(int) * most, k * grid.steps)
    # and requantizing gives the int8 values back
    assert np.array_equal(converted(grid.levels.astype(int)), converted(k))


def test_every_level_of_the_full_grid() -> None:
    grid = find_grid(np.array([0, 18, -36, 54, -73, 91, -109, 127], np.int8))
    assert grid is not None and grid.steps == 7
    assert grid.levels.tolist() == [0, 1, -2, 3, -4, 5, -6, 7]


@pytest.mark.parametrize("values", [[127, 17], [127, 19], [127, 64, 18], [7, 5, 3, 1, 100]])
def test_what_is_no_grid(values: list[int]) -> None:
    assert find_grid(np.array(values, np.int8)) is None


@pytest.mark.parametrize("tie", [63, 64, -63, -64])
def test_both_neighbours_of_the_one_tie(tie: int) -> None:
    grid = find_grid(np.array([127, tie], np.int8))
    assert grid is not None and (grid.levels * 2).tolist() == [
        2 * grid.steps,
        np.sign(tie) * grid.steps,
    ]


@settings(max_examples=200)
@given(st.lists(st.integers(-8, 7), max_size=33))
def test_nibbles(values: list[int]) -> None:
    data = np.array(values, np.int8)
    packed = pack_nibbles(data)
    assert packed.size == (data.size + 1) // 2
    assert np.array_equal(unpack_nibbles(packed, data.size), data.view(np.uint8) & 15)


MODELS = {
    "conv": (tb.conv_2d, (5, 3, 3, 3), 0, (6, 5, 3), {"filters": 5}),
    "conv_per_tensor": (tb.conv_2d, (4, 3, 3, 3), None, (6, 5, 3), {"per_channel": False}),
    "depthwise": (tb.depthwise_conv_2d, (1, 3, 3, 3), 3, (6, 5, 3), {}),
    "dense_odd": (tb.fully_connected, (5, 13), None, (13,), {"inputs": 13}),
}


@pytest.mark.parametrize("name", MODELS)
def test_int4_file(name: str) -> None:
    make, shape, axis, clip, more = MODELS[name]
    weights = grid_weights(shape, axis)
    before = make(weights=weights, **more)
    after = to_int4(before)
    old, new = read(before), read(after)
    assert new.tensors[1].dtype == "int4" and new.tensors[1].nbytes == (weights.size + 1) // 2
    quant, data = new.tensors[1].quant, new.tensors[1].data
    assert quant is not None and data is not None and data.dtype == np.int8
    assert np.abs(data).max() == 7 and not data.flags.writeable
    old_scale = np.array(old.tensors[1].quant.scale)
    assert quant.scale == tuple((old_scale * 127 / 7).astype(np.float32).tolist())
    bias, old_bias = new.tensors[2].data, old.tensors[2].data
    assert np.array_equal(bias, np.sign(old_bias) * np.floor(np.abs(old_bias) * 7 / 127 + 0.5))
    # names, indices, options and all else stand
    assert new.ops == old.ops and [t.name for t in new.tensors] == [t.name for t in old.tensors]
    check(new)
    inputs = np.random.default_rng(1).integers(-128, 128, (20, *clip)).astype(np.int8)
    trace = ReferenceBackend(new).run(inputs)
    found = compare(trace, TflmBackend(after, guard=False).run(inputs), new, ("reference", "tflm"))
    assert found.equal, found
    # the grid is what the int8 file only approximates
    apart = trace[3].astype(int) - ReferenceBackend(old).run(inputs)[3]
    assert np.abs(apart).max() <= 3  # each weight moves by up to half a step of 127


def test_a_channel_of_zeros_keeps_scale_and_bias() -> None:
    weights = grid_weights((4, 3, 3, 3), 0)
    weights[2] = 0
    before = tb.conv_2d(weights=weights, bias_data=np.array([100, -100, 12345, 127]))
    old, new = read(before), read(to_int4(before))
    assert new.tensors[1].quant.scale[2] == old.tensors[1].quant.scale[2]
    assert new.tensors[2].data.tolist() == [6, -6, 12345, 7]


def test_chosen_tensors_only() -> None:
    from tests.op_cases import op_cases

    model = next(iter(op_cases("network"))).model
    graph = read(model)
    assert weight_tensors(graph) == (1, 4, 7, 13)
    changed = tb.unpack(model)
    place = changed.subgraphs[0].tensors[7].buffer
    shape = graph.tensors[7].shape
    changed.buffers[place].data = grid_weights(shape, 0).reshape(-1).view(np.uint8)
    data = tb.pack(changed)
    for name in (7, graph.tensors[7].name):
        types = [t.dtype for t in read(to_int4(data, [name])).tensors]
        assert [i for i, t in enumerate(types) if t == "int4"] == [7]
    with pytest.raises(ModelError, match=r"tensor 1 \(w0\)"):
        to_int4(data)
    assert to_int4(data, [7]) == to_int4(data, [7])


def test_shared_buffers_are_not_changed_in_place() -> None:
    """The converter lets equal constants share a buffer; here weights and another tensor do."""
    weights = grid_weights((5, 13), None)
    x, y = (tb.activation_tensor(n, (1, 13)) for n in "xy")
    a, b = (tb.TensorSpec(n, (13, 13), data=np.resize(weights, (13, 13))) for n in "ab")
    z = tb.activation_tensor("z", (1, 13))
    options = tb.g.FullyConnected()
    ops = [
        tb.OpSpec("FULLY_CONNECTED", (0, 3), (1,), options),
        tb.OpSpec("FULLY_CONNECTED", (1, 4), (2,), options),
    ]
    model = tb.unpack(tb.build_model(ops, [x, y, z, a, b]))
    tensors = model.subgraphs[0].tensors
    tensors[4].buffer = tensors[3].buffer
    made = read(to_int4(tb.pack(model), ["a"]))
    assert [made.tensors[i].dtype for i in (3, 4)] == ["int4", "int8"]
    assert np.array_equal(made.tensors[4].data, np.resize(weights, (13, 13)))


def _dense_per_channel() -> bytes:
    return tb.fully_connected(per_channel=True, weights=grid_weights((5, 12), 0))


def _weights_with_zero_point() -> bytes:
    model = tb.unpack(tb.fully_connected(weights=grid_weights((5, 12), None)))
    model.subgraphs[0].tensors[1].quantization.zeroPoint = [3]
    return tb.pack(model)


def _weights_read_as_values() -> bytes:
    shape = (4, 4)
    x, y, z = (tb.activation_tensor(n, (1, 4)) for n in "xyz")
    w = tb.TensorSpec("w", shape, data=grid_weights(shape, None))
    total = tb.activation_tensor("total", shape)
    ops = [
        tb.OpSpec("FULLY_CONNECTED", (0, 3), (1,), tb.g.FullyConnected()),
        tb.OpSpec("ADD", (1, 3), (4,), tb.g.Add()),
    ]
    return tb.build_model(ops, [x, y, z, w, total])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (tb.conv_2d(), "grid of k"),
        (_dense_per_channel(), "must have one scale"),
        (_weights_with_zero_point(), "zero point 0"),
        (_weights_read_as_values(), "weights only"),
        (tb.conv_2d()[:200], "undamaged"),
        (to_int4(tb.conv_2d(weights=grid_weights((4, 3, 3, 3), 0))), "must be int8"),
    ],
    ids=["no grid", "dense per channel", "zero point", "read as values", "damaged", "int4 already"],
)
def test_refused_in_a_sentence(model: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        to_int4(model)
    assert "\n" not in str(caught.value) and "Received" in str(caught.value)


@pytest.mark.parametrize("chosen", [["nothing"], [0], [99], "weights"])
def test_tensors_that_are_no_weights(chosen: object) -> None:
    model = tb.conv_2d(weights=grid_weights((4, 3, 3, 3), 0))
    with pytest.raises(SpecError, match="Received"):
        to_int4(model, chosen)
