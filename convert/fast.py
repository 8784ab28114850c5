"""Which layers the DSP kernels can compute, and the constants in the order in which they read them.

The kernels (firmware/include/ws_kernels_dsp.h) give the same bits as the plain ones under
conditions on the numbers of a layer. Each is looked at here, with the layer's own weights; a layer
that misses one is left to the plain kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import constant_layers
from convert.fast_codes import Packed, by_channel, filled_values, in_pairs
from convert.graph import Codes, Graph
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams, Params

_T = TypeVar("_T", np.int8, np.uint8)

_MOST_SHIFT = 21  # the rounding constant, 255 << 20 at most, and a value below 2^30 fit int32
_SUM_LIMIT = 1 << 30  # twice a sum, bias included, must fit int32
_WORD, _HALF = 4, 2
_POSITIONS = 4  # of the convolution's tile
_UNITS = 8  # of FULLY_CONNECTED's


@dataclass(frozen=True)
class Outputs:
    """How the sums of each channel become int8.

    Attributes:
        bias: int32, doubled; the input's offset times the sum of weights is in it.
        multiplier: int32, Q0.31.
        shift: int32, to the right, 1 to 21.
    """

    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]


@dataclass(frozen=True)
class Plane:
    """How a channel of DEPTHWISE_CONV_2D is copied; (rows, columns) as copied, in values.

    Attributes:
        turned: rows and columns are exchanged.
        sides: of the copy, with padding; columns are even.
    """

    turned: bool
    sides: tuple[int, int]


@dataclass(frozen=True)
class Fast:
    """One layer for the DSP kernels.

    Attributes:
        params: of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED; not always what the operator is.
        weights: int16 half-words of two channels, int8 for DEPTHWISE_CONV_2D, or 4 bits.
        outputs: what follows the sums.
        pairs: of values per output; 0 for DEPTHWISE_CONV_2D.
        scratch: bytes.
        in_place: the output may be where the first input is.
        plane: for DEPTHWISE_CONV_2D.
    """

    params: ConvParams | DepthwiseConvParams | FullyConnectedParams
    weights: NDArray[np.int16] | NDArray[np.int8] | Packed
    outputs: Outputs
    pairs: int
    scratch: int
    in_place: bool
    plane: Plane | None = None


def fast_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Fast]:
    """The layers that the DSP kernels compute, by their position in `graph.ops`.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
    """
    found = {}
    for layer in constant_layers(graph, params):
        fast = fast_layer(layer.params, layer.weights, layer.bias, layer.codes)
        if fast is not None:
            found[layer.position] = fast
    return found


def fast_layer(
    params: Params,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None = None,
) -> Fast | None:
    """The layer for the DSP kernels, or None where the plain kernel must do it.

    Args:
        params: of any operator.
        weights: of the shape in the .tflite.
        bias: int32, one per output channel, or None.
        codes: how the weights are kept in 4 bits, or None.
    """
    indices = None if codes is None else codes.indices
    if isinstance(params, DepthwiseConvParams) and params.input_shape[3] == 1:
        # All output channels see the one channel there is: that is a convolution.
        params, weights = as_conv(params), np.moveaxis(weights, 3, 0)
        indices = None if indices is None else np.moveaxis(indices, 3, 0)
    if isinstance(params, ConvParams):
        return _conv(params, weights, bias, codes, indices)
    if isinstance(params, DepthwiseConvParams):
        return _depthwise(params, weights, bias, codes, indices)
    if isinstance(params, FullyConnectedParams):
        return _fully_connected(params, weights, bias, codes, indices)
    return None


def as_conv(p: DepthwiseConvParams) -> ConvParams:
    """Parameters of the convolution that a depthwise one over a single channel is."""
    _, height, width, channels = p.filter_shape
    return ConvParams(
        input_shape=p.input_shape,
        filter_shape=(channels, height, width, 1),
        output_shape=p.output_shape,
        stride=p.stride,
        dilation=p.dilation,
        padding=p.padding,
        groups=1,
        has_bias=p.has_bias,
        input_offset=p.input_offset,
        output_offset=p.output_offset,
        activation_min=p.activation_min,
        activation_max=p.activation_max,
        multiplier=p.multiplier,
        shift=p.shift,
    )


def _conv(
    p: ConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None,
    indices: NDArray[np.uint8] | None,
) -> Fast | None:
    if p.groups != 1 or p.dilation != (1, 1):
        return None
    channels, height, width, depth = p.filter_shape
    shape = (channels, height, width * depth)
    made = _rows(weights.reshape(shape), codes, None if indices is None else indices.reshape(shape))
    if made is None:
        return None
    kept, values = made
    outputs = outputs_of(p, values, bias)
    if outputs is None:
        return None
    pairs = values.shape[1] // 2
    point = (height, width) == p.stride == (1, 1) and p.padding == (0, 0)
    return Fast(
        params=p,
        weights=kept,
        outputs=outputs,
        pairs=pairs,
        scratch=_POSITIONS * _WORD * pairs,
        in_place=point and channels <= depth,
    )


def _rows(
    weights: NDArray[np.int8], codes: Codes | None, indices: NDArray[np.uint8] | None
) -> tuple[NDArray[np.int16] | Packed, NDArray[np.int8]] | None:
    """Weights (channels, rows, values) as a kernel reads them, and what it multiplies with.

    The second is (channels, values), rows filled up. A filling code is 0, which need not be the
    weight 0; the values there are the input's zero, so that the bias makes up for it.
    """
    if codes is None or indices is None:
        values = _filled(weights)
        flat = values.reshape(len(values), -1)
        halves = _halves(flat)
        return None if halves is None else (halves, flat)
    filled = _filled(indices)
    packed = in_pairs(codes, filled.reshape(len(filled), -1))
    if packed is None:
        return None
    return packed, filled_values(codes, filled).reshape(len(filled), -1)


def _depthwise(
    p: DepthwiseConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None,
    indices: NDArray[np.uint8] | None,
) -> Fast | None:
    if p.depth_multiplier != 1 or p.dilation != (1, 1):
        return None
    _, height, width, channels = p.filter_shape
    kept, turned = _plane(p, turned=False), _plane(p, turned=True)
    plane = turned if _work(p, turned) < _work(p, kept) else kept

    def ordered(values: NDArray[_T]) -> NDArray[_T]:
        by_channels = np.moveaxis(values.reshape(height, width, channels), 2, 0)
        if plane.turned:
            by_channels = np.moveaxis(by_channels, 2, 1)
        return np.ascontiguousarray(by_channels)

    values = ordered(weights)
    outputs = outputs_of(p, values.reshape(channels, -1), bias)
    if outputs is None:
        return None
    rows, columns = plane.sides
    scratch = _HALF * rows * columns + _WORD * values.shape[1] * (-(-values.shape[2] // 2))
    packed = None
    if codes is not None and indices is not None:
        packed = by_channel(codes, ordered(indices).reshape(channels, -1))
        scratch += height * width
    return Fast(
        params=p,
        weights=values if packed is None else packed,
        outputs=outputs,
        pairs=0,
        scratch=scratch,
        in_place=p.input_shape == p.output_shape,
        plane=plane,
    )


def _plane(p: DepthwiseConvParams, *, turned: bool) -> Plane:
    """A copy with room for all that is read: two values at a time, four for two outputs of 3x3."""
    down, along = (1, 0) if turned else (0, 1)
    rows = max(
        p.padding[down] + p.input_shape[1 + down],
        (p.output_shape[1 + down] - 1) * p.stride[down] + p.filter_shape[1 + down],
    )
    columns = max(
        p.padding[along] + p.input_shape[1 + along],
        (p.output_shape[1 + along] - 1) * p.stride[along] + _even(p.filter_shape[1 + along]),
        _even(p.output_shape[1 + along]) + 2 if p.stride[along] == 1 else 0,
    )
    return Plane(turned, (rows, _even(columns)))


def _work(p: DepthwiseConvParams, plane: Plane) -> int:
    """Products that are computed, those for nothing included."""
    along, across = (0, 1) if plane.turned else (1, 0)
    outputs = p.output_shape[1 + across] * _even(p.output_shape[1 + along])
    return outputs * p.filter_shape[1 + across] * _even(p.filter_shape[1 + along])


def _even(count: int) -> int:
    return count + count % 2


def _fully_connected(
    p: FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None,
    indices: NDArray[np.uint8] | None,
) -> Fast | None:
    if p.filter_offset != 0:
        return None
    outputs = outputs_of(p, weights, bias)
    made = _rows(weights[:, np.newaxis], codes, None if indices is None else indices[:, np.newaxis])
    if outputs is None or made is None:
        return None
    kept, values = made
    pairs = values.shape[1] // 2
    if not isinstance(kept, Packed):
        whole = p.units // _UNITS * _UNITS // 2
        eights = kept[:whole].reshape(-1, _UNITS // 2, pairs, 2).transpose(0, 2, 1, 3)
        kept = np.concatenate([eights.reshape(-1), kept[whole:].reshape(-1)])
    return Fast(params=p, weights=kept, outputs=outputs, pairs=pairs, scratch=0, in_place=False)


def _filled(rows: NDArray[_T]) -> NDArray[_T]:
    """(channels, rows, values), values filled up with zeros to a multiple of four."""
    return np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % 4)))


def _halves(weights: NDArray[np.int8]) -> NDArray[np.int16] | None:
    """(channels, values) -> half-words (channels / 2 rounded up, values / 2, 2) of b + 256 * a.

    Of four neighbouring values the pairs are (0, 2) and (1, 3). None where a half-word does not fit
    int16, which only -128 beside a negative weight does not.
    """
    channels, count = weights.shape
    wide = np.pad(weights.astype(np.int32), ((0, channels % 2), (0, 0)))
    both = wide[0::2] + 256 * wide[1::2]
    if both.size and (both.min() < -(1 << 15) or both.max() >= 1 << 15):
        return None
    quads = both.reshape(len(both), count // 4, 2, 2)  # values 0 1 2 3 as [[0, 1], [2, 3]]
    pairs = quads.transpose(0, 1, 3, 2).reshape(len(both), count // 2, 2)
    return np.ascontiguousarray(pairs.astype(np.int16))


def outputs_of(
    p: ConvParams | DepthwiseConvParams | FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
) -> Outputs | None:
    """How the sums of a layer become int8; None where they, or a shift, are out of reach.

    Args:
        p: of the layer.
        weights: (channels, values) that are multiplied.
        bias: one per channel, or None.
    """
    wide = weights.astype(np.int64)
    start = p.input_offset * wide.sum(axis=1)
    if bias is not None:
        start = start + bias
    most = np.abs(start) + 128 * np.abs(wide).sum(axis=1)
    multiplier = np.array(p.multiplier, np.int64)
    shift = -np.array(p.shift, np.int64)
    if most.size and most.max() >= _SUM_LIMIT:
        return None
    # Too small to ever leave the zero point: any shift says so with a multiplier of 0.
    nothing = (shift > _MOST_SHIFT) & (most < np.left_shift(1, np.minimum(shift, 62) - 1))
    multiplier, shift = np.where(nothing, 0, multiplier), np.where(nothing, 1, shift)
    if shift.size and (shift.min() < 1 or shift.max() > _MOST_SHIFT):
        return None
    return Outputs(
        (2 * start).astype(np.int32), multiplier.astype(np.int32), shift.astype(np.int32)
    )
