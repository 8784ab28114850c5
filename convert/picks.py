"""Where the elements of an output come from, for operators that pick them index by index.

RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD, GATHER, DEPTH_TO_SPACE and SPACE_TO_DEPTH: the element of
the output with indices i, j, ... is the input's element places[0][i] + places[1][j] + ...
What is asked of sizes and shapes is what TFLite Micro asks, or relies on; its kernels are named
below (tensorflow/lite).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from convert import fixedpoint as fp
from convert.graph import Block, Gather, Graph, MirrorPad, Op, Resize, Tensor

Shape = tuple[int, ...]
Places = list[list[int]]
_MOST = 1 << 14  # numbers of a constant; a foreign file may hold any number


def picks_of(graph: Graph, op: Op) -> tuple[Places, int] | str:
    """Places and the length of runs behind them, or, where it cannot be done, what was received."""
    source, output = graph.tensors[op.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
    found = KINDS[op.kind](graph, op)
    if isinstance(found, str):
        return found
    if tuple(map(len, found)) != output:
        return f"{_by(source)} to {_by(output)}"
    return _merged(found)


def _merged(places: Places) -> tuple[Places, int]:
    """Fewer and longer: whole dimensions at the end become a run, those of one index go."""
    run = 1
    while places and places[-1] == [run * i for i in range(len(places[-1]))]:
        run *= len(places.pop())
    return [part for part in places if part != [0]], run


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _whole(shape: Shape) -> Places:
    """Every element of a tensor."""
    return [
        [i * math.prod(shape[axis + 1 :]) for i in range(size)] for axis, size in enumerate(shape)
    ]


def _constant(tensor: Tensor) -> list[int] | None:
    if tensor.data is None or tensor.size > _MOST:
        return None
    return [int(v) for v in tensor.data.ravel()]


def _chosen(whole: Places, axis: int, indices: Sequence[int]) -> Places:
    """Only these indices of an axis."""
    return [
        [part[i] for i in indices] if number == axis else part for number, part in enumerate(whole)
    ]


def _nearest(graph: Graph, op: Op) -> Places | str:
    """In float32. Source: kernels/internal/reference/resize_nearest_neighbor.h."""
    assert isinstance(op.options, Resize)
    shape = graph.tensors[op.inputs[0]].shape
    sizes = _constant(graph.tensors[op.inputs[1]])
    if sizes is None:
        return "a computed size"
    if len(shape) != 4 or len(sizes) != 2 or min(sizes) < 1 or max(sizes) > _MOST:
        return f"{_by(shape)} to {sizes}"
    one = np.float32
    offset = one(0.5 if op.options.half_pixel_centers else 0)
    places = _whole(shape)
    for axis, wanted in zip((1, 2), sizes, strict=True):
        size = shape[axis]
        scale = one(size) / one(wanted)
        if op.options.align_corners and wanted > 1:
            scale = one(size - 1) / one(wanted - 1)
        indices = []
        for i in range(wanted):
            place = (one(i) + offset) * scale
            corner = op.options.align_corners
            index = fp.round_half_away(float(place)) if corner else math.floor(place)
            indices.append(max(0, min(index, size - 1)))
        places = _chosen(places, axis, indices)
    return places


def _mirrored(graph: Graph, op: Op) -> Places | str:
    """Source: micro/kernels/mirror_pad.cc, `GetInputDimension`."""
    assert isinstance(op.options, MirrorPad)
    shape = graph.tensors[op.inputs[0]].shape
    amounts = _constant(graph.tensors[op.inputs[1]])
    if amounts is None:
        return "computed paddings"
    received = f"{amounts} for {_by(shape)}"
    if len(amounts) != 2 * len(shape):
        return received
    places = _whole(shape)
    edge = 0 if op.options.symmetric else 1  # whether the outermost value is repeated
    for axis, size in enumerate(shape):
        before, after = amounts[2 * axis : 2 * axis + 2]
        if not 0 <= max(before, after) <= size - edge or min(before, after) < 0:
            return received
        indices = [
            *range(before - 1 + edge, edge - 1, -1),
            *range(size),
            *range(size - 1 - edge, size - 1 - edge - after, -1),
        ]
        places = _chosen(places, axis, indices)
    return places


def _gathered(graph: Graph, op: Op) -> Places | str:
    """Source: micro/kernels/gather.cc."""
    assert isinstance(op.options, Gather)
    shape = graph.tensors[op.inputs[0]].shape
    which = graph.tensors[op.inputs[1]]
    indices = _constant(which)
    if indices is None:
        return "computed indices"
    axis = op.options.axis
    received = f"indices {indices[:8]} of axis {axis} of {_by(shape)}"
    if op.options.batch_dims != 0 or not -len(shape) <= axis < len(shape):
        return f"{received}, {op.options.batch_dims} batch dimensions"
    axis %= len(shape)
    if not all(0 <= i < shape[axis] for i in indices):
        return received
    places = _chosen(_whole(shape), axis, indices)
    if which.size not in (1, *which.shape):
        return f"{received} in {_by(which.shape)}"
    # The dimensions of the indices take the axis's place; where all are 1, another one moves.
    taken = places[axis]
    places[axis : axis + 1] = [taken if size > 1 else [0] for size in which.shape]
    if which.size == 1 and places:
        places[0] = [place + taken[0] for place in places[0]]
    return places


def _block(op: Op) -> int:
    assert isinstance(op.options, Block)
    return op.options.size


def _to_space(graph: Graph, op: Op) -> Places | str:
    """Source: kernels/internal/reference/depth_to_space.h."""
    shape, size = graph.tensors[op.inputs[0]].shape, _block(op)
    if len(shape) != 4 or size < 1 or shape[3] % size**2:
        return f"blocks of {size} of {_by(shape)}"
    batches, height, width, depth = shape
    channels = depth // size**2
    return [
        [b * height * width * depth for b in range(batches)],
        [y // size * width * depth + y % size * size * channels for y in range(height * size)],
        [x // size * depth + x % size * channels for x in range(width * size)],
        list(range(channels)),
    ]


def _to_depth(graph: Graph, op: Op) -> Places | str:
    """Source: kernels/internal/reference/space_to_depth.h."""
    shape, size = graph.tensors[op.inputs[0]].shape, _block(op)
    if len(shape) != 4 or size < 1 or shape[1] % size or shape[2] % size:
        return f"blocks of {size} of {_by(shape)}"
    batches, height, width, depth = shape
    row = width * depth
    return [
        [b * height * row for b in range(batches)],
        [y * size * row for y in range(height // size)],
        [x * size * depth for x in range(width // size)],
        [c // (size * depth) * row + c % (size * depth) for c in range(size * size * depth)],
    ]


KINDS: dict[str, Callable[[Graph, Op], Places | str]] = {
    "DEPTH_TO_SPACE": _to_space,
    "GATHER": _gathered,
    "MIRROR_PAD": _mirrored,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
    "SPACE_TO_DEPTH": _to_depth,
}
