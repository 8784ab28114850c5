"""Which layers the kernels for cores with MULS only can compute, and the constants they read.

The kernels (firmware/include/ws_kernels_muls.h) are made for Armv6-M. They give the same bits as
the plain ones under conditions on the numbers of a layer, which are looked at here. What they do
not compute, weights of 4 bits among it, is left to the DSP kernels, whose plain C runs anywhere,
and what these do not compute to the plain ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.fast import AnyFast, fast_layers
from convert.fast_grouped import group_windows
from convert.fast_outputs import Outputs, outputs_of
from convert.fast_types import FastColumns, Plane
from convert.graph import Graph
from convert.narrow import Narrow, Tiles, narrow_layers
from convert.overlap import Overlaps, by_planes, by_rows, by_tiles
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams, Params
from convert.recast import as_conv, as_dense, made_of, multiplied

_SUM_LIMIT = 1 << 29  # of a sum, bias included (WS_V6M_OUTPUT in ws_muls_asm.h)
_LANE_LIMIT = (1 << 15) - 1  # of a sum of products in half a word
_POSITIONS = 4  # of the convolution's tile
_FEWER = 2  # of the one that takes less scratch memory
_GROUP = 8  # channels or units whose weights lie together
_MOST_TAPS = 16  # WS_MULS_TAPS
_MOST_TERMS = 16  # WS_MULS_TERMS
_MOVED = 128  # what is added to values of DEPTHWISE_CONV_2D and to weights of FULLY_CONNECTED
_UNIT_ORDER = (0, 2, 1, 3, 4, 6, 5, 7)
_WORD = 4
_NEVER = 1 << 62


@dataclass(frozen=True)
class Muls:
    """One layer for the kernels of cores with MULS only.

    Attributes:
        params: of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED; not always what the operator is.
        weights: int8, in the order in which the kernel reads them.
        rest: int8, of the units of FULLY_CONNECTED that make no whole group.
        channels: int32 (channels, 3): bias, multiplier, place (ws_muls_channel).
        pairs: of values per output of CONV_2D.
        groups: of units of FULLY_CONNECTED whose weights lie together.
        scratch: bytes.
        overlaps: how far apart input and output must lie.
        scratch_step: bytes by which scratch memory moves on after each tile of a convolution.
        plane: for DEPTHWISE_CONV_2D.
        positions: that a convolution computes together.
    """

    params: ConvParams | DepthwiseConvParams | FullyConnectedParams
    weights: NDArray[np.int8]
    channels: NDArray[np.int32]
    scratch: int
    overlaps: Overlaps
    rest: NDArray[np.int8] | None = None
    pairs: int = 0
    groups: int = 0
    plane: Plane | None = None
    scratch_step: int = 0
    positions: int = 0


def muls_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Muls | AnyFast]:
    """The layers that these kernels or the DSP kernels compute, by their position in `graph.ops`.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
    """
    found: dict[int, Muls | AnyFast] = {
        position: fast
        for position, fast in fast_layers(graph, params).items()
        if not isinstance(fast, FastColumns)  # four values at once are slower without SIMD
    }
    for layer in constant_layers(graph, params):
        made = muls_layer(layer)
        if made is not None:
            found[layer.position] = made
    return found


def small_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Narrow | Muls]:
    """Layers that can do with less memory than `muls_layers` gives them, by position."""
    tiles = [
        Tiles(count, 0, True, partial(_conv, positions=count)) for count in (_POSITIONS, _FEWER)
    ]
    return {**narrow_layers(graph, params, tiles), **multiplied(graph, params, muls_layer)}


def muls_layer(layer: ConstantLayer) -> Muls | None:
    """The layer for these kernels, or None where another kernel must do it."""
    if layer.codes is not None:
        return None
    mine = as_dense(as_conv(layer))
    return made_of(mine, _conv, _depthwise, _fully_connected)


def _conv(
    p: ConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    positions: int = _POSITIONS,
) -> Muls | None:
    channels = p.filter_shape[0]
    found = _reachable(p, weights.reshape(channels, -1), bias)
    if found is None:
        return None
    outputs, values = found
    filled = _filled(values, _GROUP, 2)
    groups, pairs = len(filled) // _GROUP, filled.shape[1] // 2
    paired = filled.reshape(groups, 2, 4, pairs, 2)
    if 128 * _absolute(paired).sum(axis=-1).max(initial=0) > _LANE_LIMIT:
        return None
    first = np.arange(channels)
    first = first // _GROUP * (2 * _GROUP * pairs) + first % _GROUP // 4 * 8 + first % 4
    if first.max(initial=0) >= 1 << 23:
        return None
    return Muls(
        params=p,
        weights=np.ascontiguousarray(paired.transpose(0, 3, 1, 4, 2)),
        channels=_channels(outputs, outputs.shift | first << 8),
        pairs=pairs,
        positions=positions,
        scratch=2 * 2 * positions * pairs + group_windows(p),
        overlaps=by_tiles(p, positions),
    )


def _depthwise(
    p: DepthwiseConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Muls | None:
    _, height, width, channels = p.filter_shape
    turned = _work(p, turned=True) < _work(p, turned=False)
    by_channels = np.moveaxis(weights.reshape(height, width, channels), 2, 0)
    if turned:
        by_channels = np.moveaxis(by_channels, 2, 1)
    found = _reachable(p, by_channels.reshape(channels, -1), bias)
    if found is None or _work(p, turned=turned) == _NEVER:
        return None
    outputs, values = found
    moved = _MOVED * values.sum(axis=1, dtype=np.int32)
    rows, columns = (
        max(
            p.padding[i] + p.input_shape[1 + i],
            (p.output_shape[1 + i] - 1) * p.stride[i]
            + (p.filter_shape[1 + i] - 1) * p.dilation[i]
            + 1,
        )
        for i in ((1, 0) if turned else (0, 1))
    )
    columns += -columns % p.dilation[0 if turned else 1]
    return Muls(
        params=p,
        weights=values,
        channels=_channels(outputs, outputs.shift, moved),
        scratch=_WORD * height * width + rows * columns,
        overlaps=by_planes(p),
        plane=Plane(turned, (rows, columns)),
    )


def _work(p: DepthwiseConvParams, *, turned: bool) -> int:
    """Instructions that depend on whether rows and columns are exchanged (ws_muls_lines)."""
    down, along = (1, 0) if turned else (0, 1)
    parts = p.dilation[along]
    if p.filter_shape[1 + along] > _MOST_TAPS or (parts > 1 and p.stride[along] > 1):
        return _NEVER
    outputs = p.output_shape[1 + down] * p.output_shape[1 + along]
    return 4 * outputs * p.filter_shape[1 + down] + 12 * parts * p.output_shape[1 + down]


def _fully_connected(
    p: FullyConnectedParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Muls | None:
    if p.filter_offset != 0:
        return None
    found = _reachable(p, weights, bias)
    if found is None:
        return None
    outputs, values = found
    groups = p.units // _GROUP
    # (groups, passes, steps, units)
    ordered = _ordered(values[: _GROUP * groups])
    terms = [_terms(_absolute(group)) for group in ordered]
    if sum(_group_work(p.depth, ordered.shape[2], each) for each in terms) > 0:
        groups, ordered, terms = 0, ordered[:0], []
    place = np.zeros(p.units, np.int64)
    place[: _GROUP * groups : _GROUP] = terms
    return Muls(
        params=p,
        weights=(ordered[..., _UNIT_ORDER] ^ np.int8(-_MOVED)),
        rest=values[_GROUP * groups :],
        channels=_channels(outputs, outputs.shift | place << 8),
        groups=groups,
        scratch=0,
        overlaps=by_rows(p),
    )


def _ordered(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Whole groups of units (units, values) -> (groups, passes, steps, units), zeros after them."""
    filled = _filled(weights, 1, _GROUP)
    return filled.reshape(-1, _GROUP, filled.shape[1] // _GROUP, _GROUP).transpose(0, 3, 2, 1)


def _group_work(depth: int, steps: int, terms: int) -> int:
    """Instructions that a group takes more than its units as rows (muls_dense.c)."""
    pieces = 1 + (steps - (terms >> 8)) // (terms & 255)
    group = 80 + 40 * _GROUP + _GROUP * (17 * steps + 50 * pieces + 14)
    return group - 2 * (15 * depth + 60) - 60 * _GROUP


def _terms(weights: NDArray[np.int64]) -> int:
    """How many words of a group of units may be added up, and how many first, times 256.

    Args:
        weights: absolute values, (passes, steps, units).
    """
    steps = weights.shape[1]
    for pieces in range(-(-steps // _MOST_TERMS), steps + 1):
        terms = -(-steps // pieces)
        if -(-steps // terms) != pieces:
            continue
        first = steps - (pieces - 1) * terms
        padded = np.pad(weights, ((0, 0), (terms - first, 0), (0, 0)))
        sums = padded.reshape(len(weights), pieces, terms, -1).sum(axis=2)
        if 128 * sums.max(initial=0) <= _LANE_LIMIT:
            return terms | first << 8
    return 1 | 1 << 8


def _filled(weights: NDArray[np.int8], rows: int, columns: int) -> NDArray[np.int8]:
    """Zeros after the weights, up to multiples of `rows` and `columns`."""
    return np.pad(weights, ((0, -len(weights) % rows), (0, -weights.shape[1] % columns)))


def _reachable(
    p: ConvParams | DepthwiseConvParams | FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
) -> tuple[Outputs, NDArray[np.int8]] | None:
    """What follows the sums, and the weights (channels, values) to multiply with.

    None where a sum or a shift is out of reach.
    """
    outputs = outputs_of(p, weights, bias)
    if outputs is None or not outputs.usual:
        return None
    kept = np.where(outputs.constant[:, np.newaxis], np.int8(0), weights)
    # Values of DEPTHWISE_CONV_2D are 255 at most, and then its bias is up to 128 times less.
    most = np.abs(outputs.bias.astype(np.int64)) // 2 + 383 * _absolute(kept).sum(axis=1)
    return (outputs, kept) if most.max(initial=0) < _SUM_LIMIT else None


def _absolute(weights: NDArray[np.int8]) -> NDArray[np.int64]:
    return np.abs(weights.astype(np.int64))


def _channels(
    outputs: Outputs, place: NDArray[np.int64] | NDArray[np.int32], moved: NDArray | int = 0
) -> NDArray[np.int32]:
    """(channels, 3): bias, less `moved`; multiplier; place."""
    bias = outputs.bias // 2 - moved
    return np.stack([bias, outputs.multiplier, place], axis=1).astype(np.int32)
