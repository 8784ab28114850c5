"""Which layers the DSP kernels can compute, and the constants in the order in which they read them.

The kernels (firmware/include/ws_kernels_dsp.h) give the same bits as the plain ones under
conditions on the numbers of a layer. Each is looked at here, with the layer's own weights; a layer
that misses one is left to the plain kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.emit_plain import split_mean
from convert.fast_add import FastAdd, fast_add
from convert.fast_codes import Packed, filled_values, in_pairs
from convert.fast_depthwise import depthwise
from convert.fast_halves import filled, halves_of, in_eights
from convert.fast_outputs import outputs_of
from convert.fast_types import UNITS, WORD, Fast, FastColumns, Halves
from convert.graph import Codes, Graph
from convert.narrow import Narrow, narrow
from convert.overlap import by_quads, by_rows, by_tiles
from convert.params import (
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    MeanParams,
    Params,
    PoolParams,
)
from convert.prepare_wide import is_wide

_T = TypeVar("_T", np.int8, np.uint8)

AnyFast = Fast | FastAdd | FastColumns
"""What the DSP kernels are given of any layer."""

_QUAD = 4  # channels that are pooled together
_POSITIONS = 4  # of the convolution's tile
_FEW_POSITIONS = 2  # of a 1x1 convolution that FULLY_CONNECTED does with fewer instructions


def fast_layers(graph: Graph, params: Sequence[Params]) -> dict[int, AnyFast]:
    """The layers that the DSP kernels compute, by their position in `graph.ops`.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
    """
    found: dict[int, AnyFast] = {}
    for position, (op, mine) in enumerate(zip(graph.ops, params, strict=True)):
        without = None if is_wide(graph, op) else _without_weights(mine)
        if without is not None:
            found[position] = without
    for layer in constant_layers(graph, params):
        fast = fast_layer(layer.params, layer.weights, layer.bias, layer.codes)
        if fast is not None:
            found[layer.position] = fast
    return found


def small_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Narrow]:
    """Layers that can do with less scratch memory than `fast_layers` gives them, by position."""
    found = {}
    for layer in constant_layers(graph, params):
        made = None if layer.codes is not None else _narrow(layer)
        if made is not None:
            found[layer.position] = made
    return found


def _narrow(layer: ConstantLayer) -> Narrow | None:
    p, weights, bias = layer.params, layer.weights, layer.bias
    if isinstance(p, DepthwiseConvParams) and p.input_shape[3] == 1:
        p, weights = as_conv(p), np.moveaxis(weights, 3, 0)
    if not isinstance(p, ConvParams) or is_dense(p):
        return None
    whole = _conv(p, weights, bias, None, None)
    if whole is None:
        return None
    return narrow(
        p,
        weights,
        whole.scratch,
        WORD,
        lambda rows: _conv(rows, weights, bias, None, None),
        lambda row, values: _fully_connected(row, values, bias, None, None),
    )


def _without_weights(params: Params) -> FastAdd | FastColumns | None:
    """A layer of int8 values without weights, or None where the plain kernel must do it."""
    if isinstance(params, PoolParams):
        return FastColumns(params, by_quads(params)) if params.input_shape[3] >= _QUAD else None
    if isinstance(params, MeanParams):
        split = split_mean(params.input_shape, params.axes)
        return FastColumns(params, ()) if split is not None and split[0][2] >= _QUAD else None
    return fast_add(params)


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
    if isinstance(params, ConvParams) and codes is None and is_dense(params):
        params, weights = as_dense(params), weights.reshape(len(weights), -1)
    if isinstance(params, ConvParams):
        return _conv(params, weights, bias, codes, indices)
    if isinstance(params, DepthwiseConvParams):
        return depthwise(params, weights, bias, codes, indices)
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


def is_dense(p: ConvParams) -> bool:
    """A few positions, each of which sees its own part of the input, in the input's order."""
    whole = p.filter_shape[1:] == p.input_shape[1:] and p.output_shape[1:3] == (1, 1)
    point = p.filter_shape[1:3] == p.stride == (1, 1)
    plain = p.groups == 1 and p.padding == (0, 0) and p.dilation == (1, 1)
    return plain and (whole or point) and math.prod(p.output_shape[:3]) <= _FEW_POSITIONS


def as_dense(p: ConvParams) -> FullyConnectedParams:
    """Parameters of the FULLY_CONNECTED that such a convolution is."""
    return FullyConnectedParams(
        rows=math.prod(p.output_shape[:3]),
        depth=math.prod(p.filter_shape[1:]),
        units=p.filter_shape[0],
        per_channel=True,
        has_bias=p.has_bias,
        input_offset=p.input_offset,
        filter_offset=0,
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
    if p.groups != 1:
        return None
    channels, height, width, depth = p.filter_shape
    # Runs of neighbouring values in the input: filter rows, or single taps where they are apart.
    runs = (channels, height, width * depth)
    if p.dilation[1] != 1:
        runs = (channels, height * width, depth)
    packed = None
    if codes is None or indices is None:
        values = filled(weights.reshape(runs)).reshape(channels, -1)
    else:
        # A filling code is 0, which need not be the weight 0; the values there are the input's
        # zero, so that the bias makes up for it.
        rows = filled(indices.reshape(runs))
        values = filled_values(codes, rows).reshape(channels, -1)
        packed = in_pairs(codes, rows.reshape(channels, -1))
        if packed is None:
            return None
    outputs = outputs_of(p, values, bias, fixed=packed is not None)
    if outputs is None:
        return None
    kept: Halves | Packed | None = packed
    if packed is None:
        kept = halves_of(_without(values, outputs.constant))
    if kept is None:
        return None
    pairs = values.shape[1] // 2
    return Fast(
        params=p,
        weights=kept,
        outputs=outputs,
        pairs=pairs,
        scratch=_POSITIONS * WORD * pairs,
        overlaps=by_tiles(p, _POSITIONS, masked=WORD - 1),
    )


def _fully_connected(
    p: FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None,
    indices: NDArray[np.uint8] | None,
) -> Fast | None:
    if p.filter_offset != 0:
        return None
    packed = None
    if codes is not None and indices is not None:
        packed = in_pairs(codes, filled(indices[:, np.newaxis])[:, 0])
        if packed is None:
            return None
    outputs = outputs_of(p, weights, bias, fixed=packed is not None)
    if outputs is None:
        return None
    values = filled(_without(weights, outputs.constant)[:, np.newaxis])[:, 0]
    pairs = values.shape[1] // 2
    kept: Halves | Packed | None = packed
    if packed is None:
        halves = halves_of(values)
        if halves is None:
            return None
        whole = p.units // UNITS * UNITS // 2
        words = halves.words
        ordered = np.concatenate([in_eights(words[:whole]), words[whole:].reshape(-1)])
        kept = Halves(ordered, halves.chunk, halves.too_low)
    assert kept is not None
    return Fast(
        params=p, weights=kept, outputs=outputs, pairs=pairs, scratch=0, overlaps=by_rows(p)
    )


def _without(weights: NDArray[np.int8], constant: NDArray[np.bool_]) -> NDArray[np.int8]:
    """0 for all weights of channels whose output is constant."""
    return np.where(constant[:, np.newaxis], np.int8(0), weights)
