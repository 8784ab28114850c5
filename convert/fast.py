"""Which layers the DSP kernels can compute, and the constants in the order in which they read them.

The kernels (firmware/include/ws_kernels_dsp.h) give the same bits as the plain ones under
conditions on the numbers of a layer. Each is looked at here, with the layer's own weights; a layer
that misses one is left to the plain kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.emit_plain import split_mean
from convert.fast_add import FastAdd, fast_add
from convert.fast_codes import Packed, filled_values, in_pairs
from convert.fast_depthwise import depthwise
from convert.fast_grouped import grouped
from convert.fast_halves import filled, halves_of, in_eights
from convert.fast_outputs import outputs_of
from convert.fast_types import UNITS, WORD, Fast, FastColumns, Halves
from convert.graph import Codes, Graph
from convert.narrow import Narrow, Tiles, Windows, narrow_layers
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
from convert.recast import as_conv, as_dense, as_groups, multiplied

AnyFast = Fast | FastAdd | FastColumns
"""What the DSP kernels are given of any layer."""

_QUAD = 4  # channels that are pooled together
_POSITIONS = 4  # of the convolution's tile


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
        fast = fast_layer(layer)
        if fast is not None:
            found[layer.position] = fast
    return found


def small_layers(graph: Graph, params: Sequence[Params]) -> dict[int, Narrow | Fast]:
    """Layers that can do with less memory than `fast_layers` gives them, by position."""
    tiles = Tiles(_POSITIONS, WORD - 1, False, _conv)
    narrow = narrow_layers(graph, params, [tiles], Windows(WORD, _fully_connected))
    return {**narrow, **multiplied(graph, params, fast_layer)}


def _without_weights(params: Params) -> FastAdd | FastColumns | None:
    """A layer of int8 values without weights, or None where the plain kernel must do it."""
    if isinstance(params, PoolParams):
        return FastColumns(params, by_quads(params)) if params.input_shape[3] >= _QUAD else None
    if isinstance(params, MeanParams):
        split = split_mean(params.input_shape, params.axes)
        return FastColumns(params, ()) if split is not None and split[0][2] >= _QUAD else None
    return fast_add(params)


def fast_layer(layer: ConstantLayer) -> Fast | None:
    """The layer for the DSP kernels, or None where the plain kernel must do it."""
    mine = as_dense(as_conv(layer))
    match mine.params:
        case ConvParams() as p if p.groups != 1:
            return None if mine.codes is not None else grouped(p, mine.weights, mine.bias)
        case ConvParams() as p:
            return _conv(p, mine.weights, mine.bias, mine.codes)
        case DepthwiseConvParams() as p:
            found = depthwise(p, mine.weights, mine.bias, mine.codes)
            return found if found is not None else fast_layer(as_groups(mine))
        case FullyConnectedParams() as p:
            return _fully_connected(p, mine.weights, mine.bias, mine.codes)
    return None


def _conv(
    p: ConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None = None,
) -> Fast | None:
    channels, height, width, depth = p.filter_shape
    # Runs of neighbouring values in the input: filter rows, or single taps where they are apart.
    runs = (channels, height, width * depth)
    if p.dilation[1] != 1:
        runs = (channels, height * width, depth)
    packed = None
    if codes is None:
        values = filled(weights.reshape(runs)).reshape(channels, -1)
    else:
        # A filling code is 0, which need not be the weight 0; the values there are the input's
        # zero, so that the bias makes up for it.
        rows = filled(codes.indices.reshape(runs))
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
    codes: Codes | None = None,
) -> Fast | None:
    if p.filter_offset != 0:
        return None
    packed = None
    if codes is not None:
        packed = in_pairs(codes, filled(codes.indices[:, np.newaxis])[:, 0])
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
