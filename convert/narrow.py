"""CONV_2D with little scratch memory, where the memory is short: large windows, few channels.

A tile of four positions takes scratch memory for four windows of int16. Where the output is larger
than the input, as in many first layers, that decides how much memory a model needs: when the last
tiles are computed, nearly all outputs are there, and the windows on top. Two things help.

The scratch memory of tiles lies behind the outputs that are written so far and moves on with them,
over bytes of the output that are still free and bytes of the input that are no longer needed. And
each row of the output is computed in the fastest way whose memory is there: by tiles, by smaller
tiles, or a window at a time, which FULLY_CONNECTED takes as a row of bytes. Windows that reach
beyond the input, above or below, can be cut off there: padding is 0 to the sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer, constant_layers
from convert.graph import Graph
from convert.overlap import Bytes, Overlap, Overlaps, positions
from convert.params import ConvParams, FullyConnectedParams, Params
from convert.recast import as_conv, as_dense, dense

_FEW = 8  # channels, which FULLY_CONNECTED computes at once
_MANY = 64  # values in a window; below, what is done once per position outweighs the rest
_MORE = 40  # a row may take a part of the memory more than the least that there is
_WORD = 4
_NEVER = 1 << 62  # bytes that nobody has

Cut = tuple[int, int]
"""Rows of the filter, from and to."""


@dataclass(frozen=True)
class Tiles:
    """One of a family's ways to compute positions together.

    Attributes:
        positions: of a tile.
        masked: values that it may read of padding in front of a row.
        cut: rows of the filter that see padding only are cut off.
        make: the convolution with these weights (of the shape in the .tflite) and this bias, or
            None; its scratch memory may begin `scratch_step` behind what it writes next, always.
    """

    positions: int
    masked: int
    cut: bool
    make: Callable[[ConvParams, NDArray[np.int8], NDArray[np.int32] | None], Any]


@dataclass(frozen=True)
class Windows:
    """A family's way to compute one position.

    Attributes:
        fill: filter rows of a window are filled up to a multiple of so many values, with weights of
            0.
        make: its FULLY_CONNECTED, or None.
    """

    fill: int
    make: Callable[[FullyConnectedParams, NDArray[np.int8], NDArray[np.int32] | None], Any]


@dataclass(frozen=True)
class Rows:
    """Some rows of the output.

    Attributes:
        first: number of the first.
        params: of these rows, `padding` above the first of them, which may be negative.
        found: the family's layer.
        scratch_at: bytes from the beginning of the output to the first tile's scratch memory.
        filled: 0 for tiles; else bytes from one filter row to the next in a window, which `found`
            takes as a row of FULLY_CONNECTED.
    """

    first: int
    params: ConvParams
    found: Any
    scratch_at: int = 0
    filled: int = 0


@dataclass(frozen=True)
class Narrow:
    """One layer in parts.

    Attributes:
        params: of the convolution.
        parts: from the upper rows to the lower ones.
        scratch: bytes, of a window; 0 where there are tiles only.
        tail: bytes behind the output that scratch memory of tiles takes, too.
        overlaps: how far apart input and output must lie.
    """

    params: ConvParams
    parts: tuple[Rows, ...]
    scratch: int
    tail: int
    overlaps: Overlaps


def narrow_layers(
    graph: Graph,
    params: Sequence[Params],
    tiles: Sequence[Tiles],
    windows: Windows | None = None,
) -> dict[int, Narrow]:
    """Layers that can do with less scratch memory than tiles alone take, by position.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
        tiles: the fastest first.
        windows: the slowest.
    """
    found = {}
    for each in constant_layers(graph, params):
        layer = as_dense(as_conv(each))
        if layer.codes is None and isinstance(layer.params, ConvParams):
            made = _Chooser(layer.params, layer, tiles, windows).narrow()
            if made is not None:
                found[layer.position] = made
    return found


def _is_narrow(p: ConvParams) -> bool:
    """Whether windows are large, with several positions of one image, and channels are few."""
    channels, *window = p.filter_shape
    one = p.groups == 1 and p.dilation == (1, 1) and p.input_shape[0] == 1
    return one and channels <= _FEW and math.prod(window) >= _MANY and window[:2] != [1, 1]


@dataclass(frozen=True)
class _Chooser:
    """A way for each row of the output of one layer."""

    params: ConvParams
    layer: ConstantLayer
    tiles: Sequence[Tiles]
    windows: Windows | None

    def narrow(self) -> Narrow | None:
        p = self.params
        if not _is_narrow(p):
            return None
        height = p.output_shape[1]
        # (ways, rows) bytes by which the input must begin behind the output
        needs = np.array(
            [
                *([self._tiled(way, row, 1)[0] for row in range(height)] for way in self.tiles),
                [self._single(row) for row in range(height)],
            ]
        )
        least = int(needs.min(axis=0).max())
        if least >= _NEVER:
            return None
        most = least + (least + math.prod(p.input_shape)) // _MORE
        ways = np.argmax(needs <= most, axis=0)
        parts: list[Rows] = []
        lead = tail = scratch = 0
        keys = [(int(way), self._cut_of(int(way), row)) for row, way in enumerate(ways)]
        first = 0
        while first < height:
            end = first + 1
            while end < height and keys[end] == keys[first]:
                end += 1
            way = keys[first][0]
            if way < len(self.tiles):
                need, behind = self._tiled(self.tiles[way], first, end - first)
                lead, tail = max(lead, need), max(tail, behind)
                parts.append(self._tile_rows(self.tiles[way], first, end - first))
            else:
                lead = max(lead, int(needs[way, first:end].max()))
                parts.append(self._window_rows(first, end - first))
                scratch = parts[-1].found.params.depth
            first = end
        return Narrow(p, tuple(parts), scratch, tail, (Overlap(lead),))

    @cached_property
    def _later(self) -> Bytes:
        """(positions + 1) lowest value of the input that a position or a later one sees."""
        lowest = np.append(positions(self.params).reshape(-1), _NEVER)
        return np.minimum.accumulate(lowest[::-1])[::-1]

    def _cut_of(self, way: int, row: int) -> Cut:
        p = self.params
        whole = (0, p.filter_shape[1])
        if way == len(self.tiles) or not self.tiles[way].cut:
            return whole
        top = row * p.stride[0] - p.padding[0]
        cut = (max(-top, 0), min(p.input_shape[1] - top, p.filter_shape[1]))
        return cut if cut[0] < cut[1] else whole

    def _tile_rows(self, way: Tiles, first: int, count: int) -> Rows:
        begin, end = self._cut_of(self.tiles.index(way), first)
        p = _rows(self.params, first, count, (begin, end))
        weights = self.layer.weights.reshape(self.params.filter_shape)[:, begin:end]
        found = way.make(p, weights, self.layer.bias)
        step = way.positions * p.output_shape[3]
        begin = first * p.output_shape[2] * p.output_shape[3]
        if found is not None:
            found = replace(found, scratch_step=step)
        return Rows(first, p, found, begin + step + -begin % _WORD)

    def _tiled(self, way: Tiles, first: int, count: int) -> tuple[int, int]:
        """Bytes by which the input must begin behind the output, bytes needed behind the output."""
        width, channels = self.params.output_shape[2:]
        step = way.positions * channels
        rows = self._tile_rows(way, first, count)
        if rows.found is None or step % _WORD:
            return _NEVER, 0
        starts = np.arange(first * width, (first + count) * width, way.positions)
        ends = rows.scratch_at + step * np.arange(len(starts)) + rows.found.scratch
        need = ends - np.maximum(self._later[starts] - way.masked, 0)
        return max(int(need.max()), 0), max(int(ends[-1]) - math.prod(self.params.output_shape), 0)

    def _single(self, row: int) -> int:
        """The same for windows, which are copied before their outputs are written."""
        if self.windows is None or self._window_rows(row, 1).found is None:
            return _NEVER
        width, channels = self.params.output_shape[2:]
        written = np.arange(row * width + 1, (row + 1) * width + 1)
        return max(int((written * channels - self._later[written]).max()), 0)

    def _window_rows(self, first: int, count: int) -> Rows:
        assert self.windows is not None
        p = _rows(self.params, first, count, (0, self.params.filter_shape[1]))
        channels, height, width, depth = p.filter_shape
        values = self.layer.weights.reshape(channels, height, width * depth)
        values = np.pad(values, ((0, 0), (0, 0), (0, -values.shape[2] % self.windows.fill)))
        row = dense(p, 1, height * values.shape[2])
        weights = np.ascontiguousarray(values.reshape(channels, -1))
        found = self.windows.make(row, weights, self.layer.bias)
        return Rows(first, p, found, filled=values.shape[2])


def _rows(p: ConvParams, first: int, count: int, cut: Cut) -> ConvParams:
    """The layer for some rows of its output, and some of its filter, only."""
    images, _, width, channels = p.output_shape
    above = p.padding[0] - first * p.stride[0] - cut[0]
    return replace(
        p,
        output_shape=(images, count, width, channels),
        filter_shape=(p.filter_shape[0], cut[1] - cut[0], *p.filter_shape[2:]),
        padding=(above, p.padding[1]),
    )
