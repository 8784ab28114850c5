"""How far apart input and output of a kernel must lie where they share memory.

A kernel reads its input and writes its output in an order that is known when C is generated. Where
reading runs ahead of writing, the output may take bytes of the input that nobody needs any more.
The order is a row of steps. With r(s) the lowest byte of the input that is read after step s has
begun to write, and w(s) the end of what has been written after it, no byte is overwritten too early
exactly when for every step

    output + w(s) <= input + r(s),   that is   input - output >= w(s) - r(s).

The largest of these differences is the `lead` of the input. With a lead of 0 both may begin at the
same byte; an input whose lead is the length of the output shares nothing. In the literature this is
diagonal memory optimisation.

The orders below are those of the loops in `firmware/kernels`; whoever changes one of those changes
it here, too. tests/simulate/test_overlap.py holds each against the addresses that an emulated core
reads and writes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.params import (
    ConcatenationParams,
    ConvParams,
    CopyParams,
    DepthwiseConvParams,
    DequantizeParams,
    FullyConnectedParams,
    MeanParams,
    Params,
    PoolParams,
    QuantizeParams,
    RescaleParams,
    Shape,
    SoftmaxParams,
    TableParams,
    WideSoftmaxParams,
)
from convert.params_binary import BinaryParams

_NEVER = np.int64(1) << 62  # nothing is read any more

_QUAD = 4  # channels that the DSP kernels pool together

Bytes = NDArray[np.int64]


@dataclass(frozen=True)
class Overlap:
    """What a kernel allows of one input and its output.

    Attributes:
        lead: bytes; the input may begin so much behind the beginning of the output, or more.
        together: both may begin at the same byte, whatever the lead.
    """

    lead: int
    together: bool = False


Overlaps = tuple[Overlap, ...]
"""Of the first input of an operator, the second and so on; inputs beyond must lie apart."""


def overlap_of_steps(reads: Bytes, writes: Bytes, *, reads_first: bool) -> Overlap:
    """From an order of reading and writing.

    Args:
        reads: (steps) lowest byte of the input that each step reads; more than any where it reads
            none.
        writes: (steps) end of the output's bytes that are written when each step is over.
        reads_first: no step writes before it has read all that it reads.
    """
    later = np.minimum.accumulate(np.asarray(reads)[::-1])[::-1]
    if reads_first:
        later = np.append(later[1:], _NEVER)
    lead = int((np.asarray(writes) - later).max(initial=0))
    return Overlap(max(lead, 0))


def positions(p: ConvParams | DepthwiseConvParams | PoolParams) -> Bytes:
    """(images, positions of the output) the lowest value of the input that each position sees."""
    filter_shape = (0, *p.window) if isinstance(p, PoolParams) else p.filter_shape
    dilation = (1, 1) if isinstance(p, PoolParams) else p.dilation
    images, height, width, depth = p.input_shape
    sides = []
    for axis, inside in ((0, height), (1, width)):
        first = np.arange(p.output_shape[1 + axis]) * p.stride[axis] - p.padding[axis]
        step = dilation[axis]
        skipped = np.maximum(-(first // step), 0)  # taps in front of the input
        tap = first + skipped * step
        none = (skipped >= filter_shape[1 + axis]) | (tap >= inside)
        sides.append((tap, none))
    (rows, no_row), (columns, no_column) = sides
    lowest = (rows[:, np.newaxis] * width + columns) * depth
    lowest = np.where(no_row[:, np.newaxis] | no_column, _NEVER, lowest).reshape(1, -1)
    image = np.arange(images)[:, np.newaxis] * (height * width * depth)
    return np.where(lowest == _NEVER, _NEVER, lowest + image)


def by_tiles(p: ConvParams, count: int, masked: int = 0) -> Overlaps:
    """A convolution that copies what `count` positions see, and then writes all their channels.

    Args:
        p: of the layer.
        count: positions.
        masked: values that may be read, though not used, of padding in front of a row.
    """
    lowest = positions(p)
    images, all_positions = lowest.shape
    starts = np.arange(0, all_positions, count)
    ends = np.minimum(starts + count, all_positions)
    reads = np.minimum.reduceat(lowest, starts, axis=1)
    if p.padding[1] > 0:
        reads = np.maximum(reads - masked, 0)
    done = np.arange(images)[:, np.newaxis] * all_positions + ends
    writes = done * p.output_shape[3]
    return (overlap_of_steps(reads.reshape(-1), writes.reshape(-1), reads_first=True),)


def by_positions(p: ConvParams | DepthwiseConvParams, items: Sequence[int] = (1, 1)) -> Overlaps:
    """All channels of a position, each of which may read all that the position sees."""
    reads = positions(p).reshape(-1)
    writes = np.arange(1, reads.size + 1) * p.output_shape[3] * items[1]
    return (overlap_of_steps(_scaled(reads, items[0]), writes, reads_first=False),)


def by_planes(p: DepthwiseConvParams) -> Overlaps:
    """A depthwise convolution that copies one channel of an image and then writes it.

    Where input and output have the same channels, those of different channels never meet where both
    begin at the same byte.
    """
    together = p.input_shape[0] == 1 or p.input_shape == p.output_shape
    together = together and p.depth_multiplier == 1
    return (Overlap(math.prod(p.output_shape), together),)


def by_rings(p: DepthwiseConvParams, *, turned: bool) -> Overlaps:
    """The same, but of some channels only the rows (turned: columns) that an output row sees.

    Where both begin at the same byte, value and output of a channel meet where they have the same
    number, and no output row may be written before the input row that it meets was copied.
    """
    along = 1 if turned else 0
    rows = np.arange(p.output_shape[1 + along])
    seen = rows * p.stride[along] - p.padding[along] + p.filter_shape[1 + along]
    first_seen = np.searchsorted(seen, np.arange(p.input_shape[1 + along]), side="right")
    read_at = np.where(first_seen < len(rows), first_seen, -1)  # -1: never

    def numbered(times: Bytes, shape: Shape) -> Bytes:
        return np.broadcast_to(times if turned else times[:, np.newaxis], shape[1:3]).reshape(-1)

    read, written = numbered(read_at, p.input_shape), numbered(rows, p.output_shape)
    both = min(len(read), len(written))
    in_time = bool((written[:both] >= read[:both]).all())
    together = in_time and (p.input_shape[0] == 1 or p.input_shape == p.output_shape)
    return (Overlap(math.prod(p.output_shape), together),)


def by_images(p: ConvParams | DepthwiseConvParams) -> Overlaps:
    """A convolution that copies an image and then writes what becomes of it."""
    images = np.arange(p.input_shape[0])
    reads = images * math.prod(p.input_shape[1:])
    writes = (images + 1) * math.prod(p.output_shape[1:])
    return (overlap_of_steps(reads, writes, reads_first=True),)


def by_rows(p: FullyConnectedParams, items: Sequence[int] = (1, 1)) -> Overlaps:
    """A matrix that reads a row of inputs again for each of its outputs."""
    rows = np.arange(p.rows)
    reads, writes = rows * p.depth * items[0], (rows + 1) * p.units * items[1]
    return (overlap_of_steps(reads, writes, reads_first=False),)


def by_elements(size: int, items: Sequence[int] = (1, 1)) -> Overlaps:
    """Any kernel that reads value i for the last time just before it writes value i."""
    reads, writes = np.arange(size) * items[0], np.arange(1, size + 1) * items[1]
    return (overlap_of_steps(reads, writes, reads_first=True),)


def plain(params: Params, items: Sequence[int] = (1, 1)) -> Overlaps:
    """What the plain kernel of an operator allows.

    Args:
        params: of the operator.
        items: bytes of a value of the first input, and of the output.
    """
    match params:
        case ConvParams():
            return by_positions(params, items)
        case DepthwiseConvParams():
            return _by_channels(params, items, params.depth_multiplier)
        case PoolParams():
            return _by_channels(params, items, 1)
        case FullyConnectedParams():
            return by_rows(params, items)
        case MeanParams():
            return _means(params, items)
        case SoftmaxParams() | WideSoftmaxParams():
            return by_elements(params.rows * params.depth, items)
        case TableParams() | QuantizeParams() | DequantizeParams() | RescaleParams():
            return by_elements(params.size, items)
        case BinaryParams():
            shapes = (params.input1_shape, params.input2_shape)
            return tuple(_broadcast(shape, params.output_shape, items) for shape in shapes)
        case ConcatenationParams():
            return _joined(params, items)
        case CopyParams():
            return _copied(params)
        case _:
            return ()


def _by_channels(
    p: DepthwiseConvParams | PoolParams, items: Sequence[int], multiplier: int
) -> Overlaps:
    """Position by position, channel by channel, each of which sees one channel of the input."""
    channels = p.output_shape[3]
    lowest = positions(p).reshape(-1, 1) + np.arange(channels) // multiplier
    writes = np.arange(1, lowest.size + 1) * items[1]
    reads = _scaled(lowest.reshape(-1), items[0])
    return (overlap_of_steps(reads, writes, reads_first=True),)


def by_quads(p: PoolParams) -> Overlaps:
    """Position by position, four channels at a time; the last four are the last there are."""
    channels = p.output_shape[3]
    quads = np.minimum(np.arange(0, channels, _QUAD), channels - _QUAD)
    reads = positions(p).reshape(-1, 1) + quads
    ends = np.arange(math.prod(p.output_shape[:3])).reshape(-1, 1) * channels + quads + _QUAD
    return (overlap_of_steps(reads.reshape(-1), ends.reshape(-1), reads_first=True),)


def _means(p: MeanParams, items: Sequence[int]) -> Overlaps:
    """Value by value; the lowest that a mean reads is at 0 in all dimensions that go."""
    index = np.arange(math.prod(p.input_shape)).reshape(p.input_shape)
    lowest = index[tuple(slice(1) if i in p.axes else slice(None) for i in range(index.ndim))]
    writes = np.arange(1, lowest.size + 1) * items[1]
    return (overlap_of_steps(lowest.reshape(-1) * items[0], writes, reads_first=True),)


def _broadcast(shape: Shape, output: Shape, items: Sequence[int]) -> Overlap:
    """Value by value, with those of the input repeated where they must be."""
    index = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), output).reshape(-1)
    writes = np.arange(1, index.size + 1) * items[1]
    return overlap_of_steps(index * items[0], writes, reads_first=True)


def _joined(p: ConcatenationParams, items: Sequence[int]) -> Overlaps:
    """Run by run, each of one input; a run must not be copied onto itself (memcpy)."""
    runs = np.array(p.runs, np.int64) * items[1]
    writes = np.arange(p.outer).reshape(-1, 1) * runs.sum() + runs.cumsum()
    found = []
    for number, run in enumerate(runs):
        reads = np.full((p.outer, len(runs)), _NEVER)
        reads[:, number] = np.arange(p.outer) * run
        found.append(overlap_of_steps(reads.reshape(-1), writes.reshape(-1), reads_first=False))
    return tuple(found)


def _copied(p: CopyParams) -> Overlaps:
    """Run by run from somewhere in the input; the same of memcpy."""
    starts = np.full(p.shape, p.offset, np.int64)
    for axis, (size, stride) in enumerate(zip(p.shape, p.stride, strict=True)):
        along = [1] * len(p.shape)
        along[axis] = size
        starts += (np.arange(size) * stride).reshape(along)
    writes = np.arange(1, starts.size + 1) * p.run
    return (overlap_of_steps(starts.reshape(-1) * p.item, writes * p.item, reads_first=False),)


def _scaled(reads: Bytes, item: int) -> Bytes:
    return np.where(reads >= _NEVER, _NEVER, reads * item)
