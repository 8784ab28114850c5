"""CONV_2D with little scratch memory, where the memory is short: large windows, few channels.

A tile of four positions takes scratch memory for four windows of int16. Where the output is larger
than the input, as in many first layers, that decides how much memory a model needs: when the last
tiles are computed, nearly all outputs are there, and the windows on top. One window of bytes, which
FULLY_CONNECTED takes as a row, is an eighth of that, but more work per position. So the rows of the
output are split: the upper ones are computed by tiles, whose scratch memory lies behind the outputs
that are written so far and moves on with them, over bytes of the output that are still free; the
lower ones, where these end, a window at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import constant_layers
from convert.emit_layer import Layer, LayerCode, by, check_steps, struct_text
from convert.graph import Graph
from convert.overlap import Bytes, Overlap, Overlaps, positions
from convert.params import ConvParams, FullyConnectedParams, Params
from convert.recast import as_conv, as_dense, dense

_FEW = 8  # channels, which FULLY_CONNECTED computes at once
_MANY = 64  # values in a window; below, what is done once per position outweighs the rest
_POSITIONS = 4  # of a tile
_MORE = 20  # upper rows may take a part of this more than the least memory that there is
_MASKED = 3  # values that tiles may read of padding in front of a row (`overlap.by_tiles`)


@dataclass(frozen=True)
class Narrow:
    """One layer in two parts.

    Attributes:
        params: of the convolution.
        tiles: a family's layer for the upper rows, or None where there are none; its scratch memory
            begins, and then always is, `scratch_step` behind what it writes next.
        dense: a family's FULLY_CONNECTED, which is given windows of the other rows.
        filled: bytes from one filter row to the next in a window.
        upper: rows.
        scratch: bytes, of a window.
        overlaps: how far apart input and output must lie.
    """

    params: ConvParams
    tiles: Any
    dense: Any
    filled: int
    upper: int
    scratch: int
    overlaps: Overlaps


def narrow_layers(
    graph: Graph,
    params: Sequence[Params],
    fill: int,
    tiles_of: Callable[[ConvParams, NDArray[np.int8], NDArray[np.int32] | None], Any],
    dense_of: Callable[[FullyConnectedParams, NDArray[np.int8], NDArray[np.int32] | None], Any],
) -> dict[int, Narrow]:
    """Layers that can do with less scratch memory than tiles alone take, by position.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
        fill: filter rows of a window are filled up to a multiple of so many values, with weights of
            0.
        tiles_of: the family's convolution with these weights (of the shape in the .tflite) and this
            bias, or None.
        dense_of: the family's FULLY_CONNECTED, or None.
    """
    found = {}
    for each in constant_layers(graph, params):
        layer = as_dense(as_conv(each))
        p = layer.params
        if layer.codes is not None or not isinstance(p, ConvParams) or not _is_narrow(p):
            continue
        row, values, filled = _as_row(p, layer.weights, fill)
        whole = tiles_of(p, layer.weights, layer.bias)
        lower = dense_of(row, values, layer.bias)
        if whole is None or lower is None:
            continue
        count, lead = _upper_rows(p, whole.scratch)
        upper = None
        if count:
            upper = tiles_of(_rows(p, 0, count), layer.weights, layer.bias)
            upper = replace(upper, scratch_step=_POSITIONS * p.output_shape[3])
        found[layer.position] = Narrow(
            params=p,
            tiles=upper,
            dense=lower,
            filled=filled,
            upper=count,
            scratch=row.depth,
            overlaps=(Overlap(lead),),
        )
    return found


def _is_narrow(p: ConvParams) -> bool:
    """Whether windows are large, with several positions of one image, and channels are few."""
    channels, *window = p.filter_shape
    one = p.groups == 1 and p.dilation == (1, 1) and p.input_shape[0] == 1
    return one and channels <= _FEW and math.prod(window) >= _MANY and window[:2] != [1, 1]


def _upper_rows(p: ConvParams, window: int) -> tuple[int, int]:
    """(rows for tiles, bytes by which the input must begin behind the output)."""
    height, width, channels = p.output_shape[1:]
    lowest = positions(p).reshape(-1)
    later: Bytes = np.minimum.accumulate(lowest[::-1])[::-1]
    written = np.arange(1, len(lowest) + 1) * channels
    single = written[:-1] - later[1:]  # a window is copied before its outputs are written
    least = max(int(single.max(initial=0)), 0)
    starts = np.arange(0, len(lowest), _POSITIONS)
    ends = np.minimum(starts + _POSITIONS, len(lowest)) * channels
    tiled = np.maximum.accumulate(ends + window - np.maximum(later[starts] - _MASKED, 0))
    most = least + (least + math.prod(p.input_shape)) // _MORE
    for rows in range(height, 0, -1):
        count = rows * width
        whole = count % _POSITIONS == 0 and count * channels + window <= math.prod(p.output_shape)
        need = int(tiled[count // _POSITIONS - 1]) if whole else most + 1
        if need <= most:
            return rows, max(least, need)
    return 0, least


def _rows(p: ConvParams, first: int, count: int) -> ConvParams:
    """The layer for some rows of its output only; the padding above may be negative."""
    images, _, width, channels = p.output_shape
    above = p.padding[0] - first * p.stride[0]
    shape = (images, count, width, channels)
    return replace(p, output_shape=shape, padding=(above, p.padding[1]))


def _as_row(
    p: ConvParams, weights: NDArray[np.int8], fill: int
) -> tuple[FullyConnectedParams, NDArray[np.int8], int]:
    """FULLY_CONNECTED of one window, its weights (channels, depth), and bytes of a filter row."""
    channels, height, width, depth = p.filter_shape
    rows = weights.reshape(channels, height, width * depth)
    rows = np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % fill)))
    row = dense(p, 1, height * rows.shape[2])
    return row, np.ascontiguousarray(rows.reshape(channels, -1)), rows.shape[2]


def emit_narrow(
    layer: Layer,
    found: Narrow,
    family: str,
    emit: Callable[[Layer, Any, str | None], LayerCode],
    scratch: str,
) -> LayerCode:
    """The C of one layer.

    Args:
        layer: the operator.
        found: what `narrow` made of it.
        family: suffix of its kernel.
        emit: the C of one of the family's layers.
        scratch: C expression of type `int8_t *`.

    Raises:
        UnsupportedModelError: a size would overflow the kernel's integers.
    """
    p = found.params
    above = _rows(p, found.upper, p.output_shape[1] - found.upper)
    check_steps(layer, p.stride, p.padding, (p.filter_shape[1], p.filter_shape[2]))
    name = f"{layer.name}_windows"
    walk = struct_text(
        "ws_window_walk",
        name,
        [
            ("batches", p.input_shape[0]),
            ("input", p.input_shape[1:]),
            ("output", above.output_shape[1:]),
            ("filter", p.filter_shape[1:3]),
            ("stride", p.stride),
            ("padding", above.padding),
            ("filled", found.filled),
            ("input_zero", -p.input_offset),
        ],
    )
    # The upper rows come first, in C, too: what both have in common is named after them.
    definitions: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    also: tuple[str, ...] = ("each_window.c",)
    if found.tiles is not None:
        moving = f"{layer.output} + {found.tiles.scratch_step}"
        upper = emit(replace(layer, name=f"{layer.name}_upper"), found.tiles, moving)
        definitions, body = upper.definitions, upper.body
        also = (*also, upper.kernel, *upper.also)
    dense = emit(replace(layer, name=f"{layer.name}_lower"), found.dense, None)
    begin = found.upper * p.output_shape[2] * p.output_shape[3]
    call = (
        f"ws_conv2d_narrow_{family}(&{name}, &{layer.name}_lower_params, {layer.inputs[0]}, "
        f"{layer.output} + {begin}, {scratch});"
    )
    definitions = (*definitions, *dense.definitions, walk)
    body = (*body, call)
    also = (*also, dense.kernel, *dense.also)
    return LayerCode(
        definitions,
        body,
        f"{family}_conv2d_narrow.c",
        math.prod(p.output_shape) * math.prod(p.filter_shape[1:]),
        f"filter {by(p.filter_shape[1:3])}, stride {by(p.stride)}, padding {p.padding[0]} above "
        f"and {p.padding[1]} left; {found.upper} rows by tiles, the others a window at a time",
        also,
    )
