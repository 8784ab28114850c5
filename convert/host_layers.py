"""Which layers the host kernels can compute, and the constants in the order of their reading.

The kernels (firmware/include/ws_kernels_host.h) evaluate models on the machine that trains them.
Sums become int8 as in the DSP kernels, under the same conditions (`convert.fast_outputs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.fast_outputs import outputs_of
from convert.graph import Graph
from convert.overlap import Overlaps, by_images
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams, Params
from convert.recast import as_conv, point_conv

LANES = 16  # channels in a vector
_FOUR = 4  # values, or filter rows, in a lane
_VECTOR = LANES * _FOUR  # bytes
_UNSIGNED = 128  # how much values are raised to be unsigned


@dataclass(frozen=True)
class HostLayer:
    """One layer for the host kernels.

    Attributes:
        params: of CONV_2D (FULLY_CONNECTED is one of 1x1) or DEPTHWISE_CONV_2D.
        weights: int8, as ws_kernels_host.h says.
        rescale: int32 (blocks, 5, 16): as ws_kernels_host.h says.
        plane: rows and columns of the input with its padding.
        offsets: int32, bytes from the begin of a window to each group of four values; for
            DEPTHWISE_CONV_2D in what is made of the image's columns.
        rows: int32 (vectors, 4), of DEPTHWISE_CONV_2D: bytes from a column to each filter row.
        columns_at: of DEPTHWISE_CONV_2D: where in scratch memory the columns are.
        scratch: bytes.
        overlaps: how far apart input and output must lie; an image is copied before anything is
            written.
    """

    params: ConvParams | DepthwiseConvParams
    weights: NDArray[np.int8]
    rescale: NDArray[np.int32]
    plane: tuple[int, int]
    offsets: NDArray[np.int32]
    rows: NDArray[np.int32]
    columns_at: int
    scratch: int
    overlaps: Overlaps


def host_layers(graph: Graph, params: Sequence[Params]) -> dict[int, HostLayer]:
    """The layers that the host kernels compute, by their position in `graph.ops`.

    Args:
        graph: any; weights of 4 bits are used as the int8 that they stand for.
        params: of its operators.
    """
    found = {}
    for layer in constant_layers(graph, params):
        made = _layer(layer)
        if made is not None:
            found[layer.position] = made
    return found


def _layer(layer: ConstantLayer) -> HostLayer | None:
    mine = as_conv(layer)
    match mine.params:
        case FullyConnectedParams(filter_offset=0) as p:
            return _conv(*point_conv(p, mine.weights), mine.bias)
        case ConvParams() as p:
            return _conv(p, mine.weights, mine.bias)
        case DepthwiseConvParams() as p:
            return _depthwise(p, mine.weights[0], mine.bias)
    return None


def _conv(
    p: ConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> HostLayer | None:
    channels, height, width, depth = p.filter_shape
    made = _rescale(p, weights.reshape(channels, -1), bias)
    if made is None:
        return None
    used, rescale = made
    plane = _plane(p)
    # Values that lie next to each other in the image: a filter row, or a tap where taps are spread.
    runs = width if p.dilation[1] > 1 or p.groups > 1 else 1
    run = width * depth // runs
    column = p.input_shape[3]
    rows = np.arange(height) * (p.dilation[0] * plane[1] * column)
    taps = np.arange(runs) * (p.dilation[1] * column)
    fours = np.arange(0, run, _FOUR)
    offsets = (rows[:, None, None] + taps[:, None] + fours).astype(np.int32).reshape(-1)
    each = channels // p.groups
    filled = np.pad(
        used.reshape(p.groups, each, height * runs, run),
        ((0, 0), (0, -each % LANES), (0, 0), (0, -run % _FOUR)),
    )
    ordered = filled.reshape(-1, LANES, len(offsets), _FOUR).transpose(0, 2, 1, 3)
    image = p.input_shape[3] * plane[0] * plane[1]
    return HostLayer(
        params=p,
        weights=np.ascontiguousarray(ordered),
        rescale=rescale,
        plane=plane,
        offsets=offsets,
        rows=np.zeros((0, _FOUR), np.int32),
        columns_at=0,
        scratch=image + _FOUR - 1,
        overlaps=by_images(p),
    )


def _depthwise(
    p: DepthwiseConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> HostLayer | None:
    height, width, channels = weights.shape
    made = _rescale(p, weights.reshape(-1, channels).T, bias)
    if made is None:
        return None
    used, rescale = made
    plane = _plane(p)
    vectors = -(-height // _FOUR)
    shaped = used.T.reshape(weights.shape)
    filled = np.pad(shaped, ((0, -height % _FOUR), (0, 0), (0, -channels % LANES)))
    ordered = filled.reshape(vectors, _FOUR, width, -1, LANES).transpose(3, 2, 0, 4, 1)
    columns = np.arange(width) * (p.dilation[1] * vectors * _VECTOR)
    row, pitch = np.arange(vectors * _FOUR).reshape(-1, _FOUR), p.dilation[0] * plane[1] * channels
    columns_at = plane[0] * plane[1] * channels + LANES - 1
    return HostLayer(
        params=p,
        weights=np.ascontiguousarray(ordered),
        rescale=rescale,
        plane=plane,
        offsets=np.add.outer(columns, np.arange(vectors) * _VECTOR).astype(np.int32).reshape(-1),
        rows=np.where(row < height, row * pitch, 0).astype(np.int32),
        columns_at=columns_at,
        scratch=columns_at + plane[1] * vectors * _VECTOR,
        overlaps=by_images(p),
    )


def _plane(p: ConvParams | DepthwiseConvParams) -> tuple[int, int]:
    """Rows and columns of the image: all that is read, and all of the input."""

    def side(axis: int) -> int:
        reach = (p.filter_shape[1 + axis] - 1) * p.dilation[axis] + 1
        read = (p.output_shape[1 + axis] - 1) * p.stride[axis] + reach
        return max(read, p.padding[axis] + p.input_shape[1 + axis])

    return side(0), side(1)


def _rescale(
    p: ConvParams | DepthwiseConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
) -> tuple[NDArray[np.int8], NDArray[np.int32]] | None:
    """Weights (channels, values) as they are to be multiplied, and what follows their sums.

    None where a condition of `outputs_of` does not hold, or a shift goes to the left.
    """
    outputs = outputs_of(p, weights, bias)
    if outputs is None or (outputs.shift < 0).any():
        return None
    used = np.where(outputs.constant[:, np.newaxis], np.int8(0), weights)
    raised = 2 * _UNSIGNED * used.astype(np.int64).sum(axis=1)
    shift = outputs.shift.astype(np.int64)
    rounding = np.left_shift(2 * p.output_offset + 1, shift) >> 1
    start = (outputs.bias - raised).astype(np.int32)  # sums wrap, and so may this
    # Without a shift there is no second rounding whose halves would have to go away from zero.
    away = np.where(shift > 0, -1, 0)
    rows = np.stack(
        [start, outputs.multiplier, rounding.astype(np.int32), outputs.shift, away]
    ).astype(np.int32)
    groups = p.groups if isinstance(p, ConvParams) else 1
    grouped = rows.reshape(len(rows), groups, -1)
    filled = np.pad(grouped, ((0, 0), (0, 0), (0, -grouped.shape[2] % LANES)))
    return used, np.ascontiguousarray(filled.reshape(len(rows), -1, LANES).transpose(1, 0, 2))
