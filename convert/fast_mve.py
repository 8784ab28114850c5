"""Which layers the kernels for Helium can compute, and their constants in the order of reading.

The kernels (firmware/include/ws_kernels_mve.h) give the same bits as the plain ones under
conditions on the numbers of a layer. Each is looked at here, with the layer's own weights. What
they leave, the DSP kernels may still do: weights of 4 bits, for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.fast import AnyFast, fast_layers
from convert.fast_grouped import even_groups, group_windows
from convert.graph import Graph
from convert.overlap import Overlaps, by_rings, by_rows, by_tiles, plain
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams, Params, PoolParams
from convert.params_binary import AddParams
from convert.prepare_wide import is_wide
from convert.recast import as_conv, made_of

VECTOR = 16  # bytes
EIGHT = 8  # channels whose constants are together
_POSITIONS = 4  # of CONV_2D's tile
_FEWER = 3  # windows of the convolution that needs most memory,
_SHARE = 20  # if more than this part of it is for windows
_INT32 = 1 << 31
_SMALL = 4  # rows and columns of taps
_ACROSS = 4  # outputs of a row that are computed together
_MOST_STRIDE = 2
_OFFSETS = 1 << 16
_ROTATED = 2 * VECTOR * VECTOR  # bytes: weights of 16 channels for two rows of outputs
_GROUP_SUM = 255  # 128 * 255 fits int16
_MOST_CHANNELS = 1 << 14  # offsets of three positions fit 16 bits


@dataclass(frozen=True)
class Ring:
    """How DEPTHWISE_CONV_2D keeps rows of the input.

    Attributes:
        turned: rows and columns are exchanged.
        small: for ws_depthwise_4x4_mve.
        columns: of a row with its padding.
        group: of taps that int16 can add; 0 where int32 adds.
    """

    turned: bool
    small: bool
    columns: int
    group: int


@dataclass(frozen=True)
class Mve:
    """One layer for the kernels for Helium.

    Attributes:
        params: of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED; not always what the operator is.
        weights: int8, in the kernel's order.
        constants: int32: (channels, 3) of bias, multiplier and shift for CONV_2D and small filters
            of DEPTHWISE_CONV_2D, else (blocks, 3, 8); the bias holds the input's offset times the
            sum of weights.
        scratch: bytes.
        overlaps: how far apart inputs and output must lie.
        windows: of CONV_2D without groups, that are in scratch memory together.
        ring: of DEPTHWISE_CONV_2D.
    """

    params: ConvParams | DepthwiseConvParams | FullyConnectedParams
    weights: NDArray[np.int8]
    constants: NDArray[np.int32]
    scratch: int
    overlaps: Overlaps
    windows: int = 0
    ring: Ring | None = None


@dataclass(frozen=True)
class Same:
    """One layer for a kernel that takes the parameters of the plain one.

    Attributes:
        params: of the operator.
        overlaps: how far apart inputs and output must lie.
        scratch: bytes.
    """

    params: AddParams | PoolParams
    overlaps: Overlaps
    scratch: int = 0


def mve_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Mve | AnyFast | Same]:
    """The layers that the kernels for Helium or for DSP instructions compute, by position.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
    """
    found: dict[int, Mve | AnyFast | Same] = {**fast_layers(graph, params)}
    for layer in constant_layers(graph, params):
        made = mve_layer(layer)
        if made is not None:
            found[layer.position] = made
    for position, (op, p) in enumerate(zip(graph.ops, params, strict=True)):
        if is_wide(graph, op):
            continue
        same = isinstance(p, AddParams) and p.input1_shape == p.input2_shape
        if isinstance(p, AddParams | PoolParams) and (same or isinstance(p, PoolParams)):
            # Vectors are read sooner and written later than the plain kernel's single values.
            found[position] = Same(p, plain(p))
    position, nbytes = _fullest(graph, {key: layer.scratch for key, layer in found.items()})
    crowded = found.get(position)
    if isinstance(crowded, Mve) and crowded.windows and crowded.scratch * _SHARE > nbytes:
        found[position] = _with_windows(crowded, _FEWER)
    return found


def _fullest(graph: Graph, scratch: Mapping[int, int]) -> tuple[int, int]:
    """The operator at which most bytes are alive, and how many; as if nothing shared memory.

    Args:
        graph: with at least one operator.
        scratch: bytes, by position of the operator.
    """
    last = {index: p for p, op in enumerate(graph.ops) for index in op.inputs}
    last.update((index, len(graph.ops)) for index in graph.outputs)
    alive = set(graph.inputs)
    worst = (0, 0)
    for position, op in enumerate(graph.ops):
        alive.update(op.outputs)
        nbytes = sum(graph.tensors[index].nbytes for index in alive) + scratch.get(position, 0)
        worst = max(worst, (position, nbytes), key=lambda found: found[1])
        alive = {index for index in alive if last.get(index, -1) > position}
    return worst


def _with_windows(layer: Mve, windows: int) -> Mve:
    """A convolution with scratch memory for fewer windows: slower, as all are computed."""
    assert isinstance(layer.params, ConvParams)
    return replace(
        layer,
        windows=windows,
        scratch=layer.scratch // layer.windows * windows,
        overlaps=by_tiles(layer.params, windows),
    )


def mve_layer(layer: ConstantLayer) -> Mve | None:
    """The layer for the kernels for Helium, or None where another kernel must do it."""
    if layer.codes is not None:
        return None
    mine = as_conv(layer)
    return made_of(mine, _conv, _depthwise, _fully_connected)


def _conv(p: ConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None) -> Mve | None:
    channels = p.filter_shape[0]
    whole = math.prod(p.filter_shape[1:3]) * p.input_shape[3]
    if channels > _MOST_CHANNELS or (p.groups != 1 and whole >= _OFFSETS):
        return None
    rows = weights.reshape(channels, -1)
    constants = _constants(p, rows, bias)
    if constants is None:
        return None
    order = even_groups(channels, p.groups)
    even = _vectors(rows)[order]
    chunks = even.shape[1]
    scratch = _POSITIONS * VECTOR * chunks
    if p.groups != 1:
        scratch += group_windows(p) + 2 * (-(-rows.shape[1] // EIGHT) * EIGHT)
    return Mve(
        params=p,
        weights=np.ascontiguousarray(
            even.reshape(-1, 2, chunks, VECTOR).transpose(0, 2, 1, 3)  # of two channels in turn
        ),
        constants=constants[order],
        scratch=scratch,
        overlaps=by_tiles(p, _POSITIONS),
        windows=_POSITIONS if p.groups == 1 else 0,
    )


def _depthwise(
    p: DepthwiseConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Mve | None:
    if p.depth_multiplier != 1 or p.dilation != (1, 1):
        return None
    _, height, width, channels = p.filter_shape
    taps = weights.reshape(height, width, channels)
    constants = _constants(p, taps.reshape(-1, channels).T, bias)
    if constants is None:
        return None
    turned = p.output_shape[1] > p.output_shape[2]  # a row of outputs is computed in one go
    if turned:
        taps = taps.transpose(1, 0, 2)
    along = 0 if turned else 1
    outputs, stride = p.output_shape[1 + along], p.stride[along]
    columns = max(
        p.padding[along] + p.input_shape[1 + along], (outputs - 1) * stride + taps.shape[1]
    )
    small = _is_small(p, taps.shape[:2], (p.stride[1 - along], stride), turned)
    if small:
        filled = np.zeros((_SMALL, _SMALL, channels), np.int8)
        filled[: taps.shape[0], : taps.shape[1]] = taps
        read = (-(-outputs // _ACROSS) * _ACROSS - 1) * stride + _SMALL
        ordered = filled.transpose(2, 1, 0)
        scratch = _ROTATED + max(columns, read) * VECTOR * _SMALL
    else:
        eights = np.pad(taps.reshape(-1, channels), ((0, 0), (0, -channels % EIGHT)))
        ordered = eights.reshape(len(eights), -1, EIGHT).transpose(1, 0, 2)
        scratch = taps.shape[0] * columns * VECTOR
    return Mve(
        params=p,
        weights=np.ascontiguousarray(ordered),
        constants=constants if small else _blocks(constants),
        scratch=scratch,
        overlaps=by_rings(p, turned=turned),
        ring=Ring(turned, small, columns, 0 if small else _group(np.abs(taps.astype(np.int64)))),
    )


def _is_small(
    p: DepthwiseConvParams, taps: tuple[int, ...], stride: tuple[int, int], turned: bool
) -> bool:
    """Whether ws_depthwise_4x4_mve has this layer; rows and columns as the kernel sees them.

    Filters of one row or column are left to the other kernel: three quarters of a window would be
    nothing.
    """
    steps = (p.output_shape[2] * p.output_shape[3], p.output_shape[3])
    down, across = steps[::-1] if turned else steps
    return (
        min(taps) > 1
        and max(taps) <= _SMALL
        and stride[0] <= _SMALL
        and stride[1] <= _MOST_STRIDE
        and down + (_ACROSS - 1) * across < _OFFSETS
    )


def _group(magnitudes: NDArray[np.int64]) -> int:
    """The most neighbours, of (rows, columns, channels), whose sums of products fit int16.

    One always does: |weight| is at most 128.
    """
    rows, columns, channels = magnitudes.shape
    for group in range(columns, 1, -1):
        filled = np.pad(magnitudes, ((0, 0), (0, -columns % group), (0, 0)))
        if filled.reshape(rows, -1, group, channels).sum(axis=2).max(initial=0) <= _GROUP_SUM:
            return group
    return 1


def _fully_connected(
    p: FullyConnectedParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Mve | None:
    if p.filter_offset != 0:
        return None
    constants = _constants(p, weights, bias)
    if constants is None:
        return None
    vectors = _vectors(weights)
    chunks = vectors.shape[1]
    whole = p.units // EIGHT * EIGHT
    # units 0 to 7 as (fours, evens and odds)
    eights = vectors[:whole].reshape(-1, EIGHT // 2, 2, chunks, VECTOR).transpose(0, 2, 3, 1, 4)
    return Mve(
        params=p,
        weights=np.concatenate([eights.reshape(-1), vectors[whole:].reshape(-1)]),
        constants=_blocks(constants),
        scratch=0,
        overlaps=by_rows(p),
    )


def _vectors(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """(channels, values) -> (channels, chunks, 16), filled up with zeros."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % VECTOR))).reshape(len(rows), -1, VECTOR)


def _blocks(constants: NDArray[np.int32]) -> NDArray[np.int32]:
    """(channels, 3) -> (blocks, 3, 8), the even channels of a block first."""
    filled = np.pad(constants, ((0, -len(constants) % EIGHT), (0, 0)))
    pairs = filled.reshape(-1, EIGHT // 2, 2, 3)  # block, pair, even or odd, constant
    return np.ascontiguousarray(pairs.transpose(0, 3, 2, 1).reshape(-1, 3, EIGHT))


def _constants(
    p: ConvParams | DepthwiseConvParams | FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
) -> NDArray[np.int32] | None:
    """(channels, 3) of bias, multiplier and shift; None where a sum might not fit int32.

    Args:
        p: of the layer.
        weights: (channels, values).
        bias: int32, one per channel, or None.
    """
    wide = weights.astype(np.int64)
    start = p.input_offset * wide.sum(axis=1)
    if bias is not None:
        start = start + bias
    most = np.abs(start) + 128 * np.abs(wide).sum(axis=1)
    if most.max(initial=0) >= _INT32:
        return None
    scales = (np.array(p.multiplier, np.int64), np.array(p.shift, np.int64))
    return np.stack([start, *scales], axis=1).astype(np.int32)
