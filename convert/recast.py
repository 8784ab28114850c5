"""Layers with constant weights as other layers that compute the same.

Some numbers of a layer make another kernel fit it better than its operator's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.graph import Graph
from convert.params import (
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    Params,
    WeightedParams,
)

_L = TypeVar("_L")

_FEW_POSITIONS = 2  # of a 1x1 convolution that FULLY_CONNECTED does with fewer instructions


def as_conv(layer: ConstantLayer) -> ConstantLayer:
    """A depthwise convolution over a single channel as CONV_2D; any other layer as it is."""
    one = isinstance(layer.params, DepthwiseConvParams) and layer.params.input_shape[3] == 1
    return as_groups(layer) if one else layer


def multiplied(
    graph: Graph, params: Sequence[Params], layer_of: Callable[[ConstantLayer], _L | None]
) -> dict[int, _L]:
    """Depthwise convolutions with a multiplier `as_groups`, by position.

    Planes take less work; groups of positions let the output come nearer to the input.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
        layer_of: a family's layer, or None.
    """
    found = {}
    for layer in constant_layers(graph, params):
        p = layer.params
        if isinstance(p, DepthwiseConvParams) and p.depth_multiplier > 1 and p.input_shape[3] > 1:
            made = layer_of(as_groups(layer))
            if made is not None:
                found[layer.position] = made
    return found


_Made = Callable[[Any, NDArray[np.int8], NDArray[np.int32] | None], _L | None]
"""A family's layer of some parameters, weights and a bias."""


def made_of(
    layer: ConstantLayer, conv: _Made[_L], depthwise: _Made[_L], connected: _Made[_L]
) -> _L | None:
    """What a family makes of a layer; a multiplied depthwise one that it cannot do as groups."""
    match layer.params:
        case ConvParams():
            return conv(layer.params, layer.weights, layer.bias)
        case DepthwiseConvParams() as p:
            made = depthwise(p, layer.weights, layer.bias)
            if made is None and p.depth_multiplier > 1:
                return made_of(as_groups(layer), conv, depthwise, connected)
            return made
        case FullyConnectedParams():
            return connected(layer.params, layer.weights, layer.bias)
    return None


def as_groups(layer: ConstantLayer) -> ConstantLayer:
    """A depthwise convolution as CONV_2D with a group for each input channel."""
    p, codes = layer.params, layer.codes
    assert isinstance(p, DepthwiseConvParams)
    _, height, width, channels = p.filter_shape
    params = ConvParams(
        input_shape=p.input_shape,
        filter_shape=(channels, height, width, 1),
        output_shape=p.output_shape,
        stride=p.stride,
        dilation=p.dilation,
        padding=p.padding,
        groups=p.input_shape[3],
        **_behind_sums(p),
    )
    if codes is not None:
        codes = replace(codes, indices=np.moveaxis(codes.indices, 3, 0), axis=0)
    weights = np.moveaxis(layer.weights, 3, 0)
    return replace(layer, params=params, weights=weights, codes=codes)


def as_dense(layer: ConstantLayer) -> ConstantLayer:
    """A convolution of a few positions as FULLY_CONNECTED; any other layer as it is.

    Each position must see a part of the input of its own, in the input's order. Weights of 4 bits
    stay as they are.
    """
    p = layer.params
    if layer.codes is not None or not isinstance(p, ConvParams):
        return layer
    whole = p.filter_shape[1:] == p.input_shape[1:] and p.output_shape[1:3] == (1, 1)
    point = p.filter_shape[1:3] == p.stride == (1, 1)
    plain = p.groups == 1 and p.padding == (0, 0) and p.dilation == (1, 1)
    positions = math.prod(p.output_shape[:3])
    if not plain or not (whole or point) or positions > _FEW_POSITIONS:
        return layer
    params = dense(p, positions, math.prod(p.filter_shape[1:]))
    return replace(layer, params=params, weights=layer.weights.reshape(params.units, -1))


def dense(p: ConvParams, rows: int, depth: int) -> FullyConnectedParams:
    """FULLY_CONNECTED of `rows` windows of `depth` values of a convolution."""
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=p.filter_shape[0],
        per_channel=True,
        filter_offset=0,
        **_behind_sums(p),
    )


def point_conv(
    p: FullyConnectedParams, weights: NDArray[np.int8]
) -> tuple[ConvParams, NDArray[np.int8]]:
    """FULLY_CONNECTED with weights (units, depth) as CONV_2D of 1x1 over a row of positions.

    Args:
        p: with a filter offset of 0.
        weights: int8.
    """
    filter_shape = (p.units, 1, 1, p.depth)
    params = ConvParams(
        input_shape=(1, 1, p.rows, p.depth),
        filter_shape=filter_shape,
        output_shape=(1, 1, p.rows, p.units),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0),
        groups=1,
        **_behind_sums(p),
    )
    return params, weights.reshape(filter_shape)


def _behind_sums(p: WeightedParams) -> dict[str, Any]:
    return {field.name: getattr(p, field.name) for field in fields(WeightedParams)}
