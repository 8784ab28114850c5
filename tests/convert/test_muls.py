"""Which layers the kernels for cores with MULS only take, and that half a word always suffices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from convert.constant_layers import constant_layers
from convert.fast_types import Fast
from convert.muls import Muls, muls_layers
from convert.params import FullyConnectedParams
from convert.prepare import prepare_graph
from convert.tflite_reader import read
from tests import tflite_builder as tb

LANE = (-(1 << 15), (1 << 15) - 1)
PLACES = [0, 2, 1, 3, 4, 6, 5, 7]  # where units are in a group's eight bytes


def _layer(model: bytes) -> object:
    graph = read(model)
    params = prepare_graph(graph)
    assert len(list(constant_layers(graph, params))) == 1
    return muls_layers(graph, params)[0]


def _dense(weights: np.ndarray) -> Muls:
    made = _layer(tb.fully_connected(inputs=weights.shape[1], units=len(weights), weights=weights))
    assert isinstance(made, Muls) and isinstance(made.params, FullyConnectedParams)
    return made


def _pieces(steps: int, place: int) -> list[int]:
    """Lengths of what is added up in one pass."""
    terms, first = place >> 8 & 255, place >> 16
    assert 1 <= first <= terms <= 16 and (steps - first) % terms == 0
    return [first] + [terms] * ((steps - first) // terms)


def _worst(weights: np.ndarray, lengths: Sequence[int]) -> tuple[int, int]:
    """The least and the largest sum of products; `weights` (passes, steps, units)."""
    low, high = 0, 0
    begin = 0
    for length in lengths:
        piece = weights[:, begin : begin + length].astype(np.int64)
        ends = piece * -128, piece * 127
        low = min(low, int(np.minimum(*ends).sum(axis=1).min()))
        high = max(high, int(np.maximum(*ends).sum(axis=1).max()))
        begin += length
    return low, high


@pytest.mark.parametrize(
    ("depth", "most"), [(1, 127), (50, 3), (64, 50), (130, 40), (256, 1), (300, 15), (300, 127)]
)
def test_sums_of_words_fit_half_a_word(depth: int, most: int) -> None:
    rng = np.random.default_rng(depth)
    weights = rng.integers(-most, most + 1, (19, depth)).astype(np.int8)
    made = _dense(weights)
    steps = -(-depth // 8)
    assert (made.groups == 0) == (most == 127)  # words would have to be taken apart too often
    if made.groups == 0:
        np.testing.assert_array_equal(made.rest, weights)
        return
    stored = (made.weights.view(np.uint8).astype(np.int64) - 128).reshape(2, 8, steps, 8)
    for group, ordered in enumerate(stored):
        lengths = _pieces(steps, int(made.channels[8 * group, 2]))
        assert sum(lengths) == steps
        low, high = _worst(ordered, lengths)
        assert LANE[0] <= low and high <= LANE[1]
        for unit in range(8):
            values = ordered[:, :, PLACES[unit]].T.reshape(-1)  # (steps, passes) in input order
            np.testing.assert_array_equal(values[:depth], weights[8 * group + unit])
            assert not values[depth:].any()
    assert made.rest is not None
    np.testing.assert_array_equal(made.rest, weights[16:])


def test_small_weights_are_taken_apart_less_often() -> None:
    made = [_dense(np.full((8, 256), v, np.int8)) for v in (15, 40, 127)]
    assert [m.groups for m in made] == [1, 1, 0]
    assert _pieces(32, int(made[0].channels[0, 2])) == [16] * 2
    assert _pieces(32, int(made[1].channels[0, 2])) == [2] + [6] * 5


def test_convolution_weights_lie_where_their_place_says() -> None:
    weights = np.random.default_rng(1).integers(-127, 128, (11, 3, 3, 3)).astype(np.int8)
    made = _layer(tb.conv_2d(filters=11, weights=weights))
    assert isinstance(made, Muls) and made.pairs == 14
    stored = made.weights.reshape(-1)
    for channel, row in enumerate(weights.reshape(11, -1)):
        first = made.channels[channel, 2] >> 8
        pairs = first + 16 * np.arange(made.pairs)
        found = np.stack([stored[pairs], stored[pairs + 4]], axis=1).reshape(-1)
        np.testing.assert_array_equal(found, [*row, 0])


def test_two_of_minus_128_in_half_a_word_are_left_to_other_kernels() -> None:
    weights = np.full((8, 1, 1, 4), 127, np.int8)
    weights[5, 0, 0, 1:3] = -128  # in two pairs
    assert isinstance(
        _layer(tb.conv_2d(kernel=(1, 1), channels=4, filters=8, weights=weights)), Muls
    )
    weights[5, 0, 0, 0] = -128  # in one
    assert isinstance(
        _layer(tb.conv_2d(kernel=(1, 1), channels=4, filters=8, weights=weights)), Fast
    )


def test_what_is_left_to_other_kernels() -> None:
    assert isinstance(_layer(tb.depthwise_conv_2d(height=40, kernel=(17, 17))), Fast)
    assert isinstance(_layer(tb.depthwise_conv_2d(height=40, kernel=(17, 3))), Muls)
    scales = {"input_q": (1.0, 0), "output_q": (0.01, 0), "weight_scale": 1.0, "per_channel": False}
    assert not isinstance(_layer(tb.conv_2d(**scales)), Muls)  # a shift to the left
