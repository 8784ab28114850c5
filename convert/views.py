"""Which elements of its input an operator copies, for those that only move values.

TRANSPOSE, STRIDED_SLICE, SLICE, SPLIT, SPLIT_V and UNPACK give a view of their input: an element of
the output with indices i is the input's element offset + sum(i * stride). What is asked of axes,
limits and shapes is what TFLite Micro asks, or relies on; its kernels are named below
(tensorflow/lite/micro/kernels).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from convert.graph import Graph, Op, Part, StridedSlice, Tensor

Shape = tuple[int, ...]
_MOST = 64  # numbers that say where values go; a foreign file may hold any number


@dataclass(frozen=True)
class View:
    """`shape` of the output; `stride` and `offset` in elements of the input."""

    shape: Shape
    stride: tuple[int, ...]
    offset: int = 0

    def merged(self) -> View:
        """The same elements with as few dimensions as possible, at least one.

        Dimensions of 1 go, and neighbours that are passed through like one become one.
        """
        merged: list[tuple[int, int]] = []
        for size, stride in zip(self.shape, self.stride, strict=True):
            if size == 1:
                continue
            if merged and merged[-1][1] == size * stride:
                merged[-1] = (merged[-1][0] * size, stride)
            else:
                merged.append((size, stride))
        merged = merged or [(1, 1)]
        return View(tuple(m[0] for m in merged), tuple(m[1] for m in merged), self.offset)


def view_of(graph: Graph, op: Op) -> View | str:
    """What an operator of `KINDS` copies, or, where it cannot be done, what was received.

    The operator is as `convert.passes` leaves it: the input first, and one output.
    """
    found = KINDS[op.kind](graph, op)
    output = graph.tensors[op.outputs[0]].shape
    if isinstance(found, View) and found.shape != output:
        return f"{_by(graph.tensors[op.inputs[0]].shape)} to {_by(output)}"
    return found


def moves_values(graph: Graph, op: Op) -> bool:
    """Whether the order of values changes; True also where that is not known."""
    if len(op.inputs) != 2 or -1 in op.inputs or len(op.outputs) != 1:
        return True
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if min(source.shape, default=1) < 1 or source.dtype != output.dtype:
        return True
    view = view_of(graph, op)
    return isinstance(view, str) or view.merged().stride != (1,)


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _dense(shape: Shape) -> tuple[int, ...]:
    """Strides of a whole tensor."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _numbers(tensor: Tensor) -> list[int] | None:
    """The values of a constant, None when it is computed or has too many."""
    if tensor.data is None or tensor.size > _MOST:
        return None
    return [int(v) for v in tensor.data.ravel()]


def _transposed(graph: Graph, op: Op) -> View | str:
    """Source: transpose_common.cc, `TransposePrepare`."""
    shape = graph.tensors[op.inputs[0]].shape
    order = _numbers(graph.tensors[op.inputs[1]])
    if order is None:
        return "a computed permutation"
    if len(shape) > 5 or sorted(order) != list(range(len(shape))):
        return f"{order} for {_by(shape)}"
    stride = _dense(shape)
    return View(tuple(shape[i] for i in order), tuple(stride[i] for i in order))


def _strided(graph: Graph, op: Op) -> View | str:
    """Bits of the masks: ignore this begin (end), or take one index and drop the dimension.

    Source: strided_slice_common.cc; kernels/internal/strided_slice_logic.h, which clamps limits as
    Python does.
    """
    o = op.options
    assert isinstance(o, StridedSlice)
    shape = graph.tensors[op.inputs[0]].shape
    limits = [_numbers(graph.tensors[i]) for i in op.inputs[1:4]]
    known = [x for x in limits if x is not None]
    received = f"{known} of {_by(shape)}"
    if o.other:
        return f"{received} with an ellipsis, a new axis or an offset"
    if len(known) != 3 or len(shape) > 4 or any(len(x) != len(shape) for x in known):
        return received
    kept: list[tuple[int, int]] = []
    offset = 0
    for axis, (first, last, step) in enumerate(zip(*known, strict=True)):
        size, stride = shape[axis], _dense(shape)[axis]
        if step == 0:
            return received
        if o.shrink_mask >> axis & 1:
            # TFLite Micro takes nothing backwards, and index 0 where the begin is ignored.
            if step < 0 or o.begin_mask >> axis & 1 or not -size <= first < size:
                return received
            offset += first % size * stride
            continue
        low = None if o.begin_mask >> axis & 1 else first
        high = None if o.end_mask >> axis & 1 else last
        chosen = range(*slice(low, high, step).indices(size))
        if not chosen:
            return f"{received}, which takes nothing"
        offset += chosen[0] * stride
        kept.append((len(chosen), step * stride))
    return View(tuple(k[0] for k in kept), tuple(k[1] for k in kept), offset)


def _sliced(graph: Graph, op: Op) -> View | str:
    """Source: slice.cc; a size of -1 is what remains."""
    shape = graph.tensors[op.inputs[0]].shape
    begin, size = (_numbers(graph.tensors[i]) for i in op.inputs[1:3])
    if begin is None or size is None:
        return "computed limits"
    received = f"{begin} and {size} of {_by(shape)}"
    if len(shape) > 5 or not len(begin) == len(size) == len(shape):
        return received
    taken = [n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True)]
    inside = all(0 <= b < b + s <= n for n, b, s in zip(shape, begin, taken, strict=True))
    if not inside:
        return received
    stride = _dense(shape)
    return View(tuple(taken), stride, sum(b * s for b, s in zip(begin, stride, strict=True)))


def _axis(shape: Shape, axis: int) -> int | None:
    """The axis counted from the front, None outside."""
    return axis % len(shape) if -len(shape) <= axis < len(shape) else None


def _split(graph: Graph, op: Op) -> View | str:
    """SPLIT and SPLIT_V. Source: split.cc, split_v.cc; the axis is the last input here."""
    o = op.options
    assert isinstance(o, Part)
    shape = graph.tensors[op.inputs[0]].shape
    values = _numbers(graph.tensors[op.inputs[-1]])
    if values is None:
        return "a computed axis"
    axis = _axis(shape, values[0]) if len(values) == 1 else None
    if axis is None:
        return f"axis {values} of {_by(shape)}"
    sizes = _numbers(graph.tensors[op.inputs[1]]) if op.kind == "SPLIT_V" else None
    if op.kind == "SPLIT":
        sizes = [shape[axis] // o.count] * o.count
    if sizes is None:
        return "computed sizes"
    if sizes.count(-1) == 1:
        left = shape[axis] - sum(sizes) - 1
        sizes = [left if s == -1 else s for s in sizes]
    if len(sizes) != o.count or min(sizes) < 1 or sum(sizes) != shape[axis]:
        return f"{sizes} as sizes of {o.count} outputs of {_by(shape)} along axis {axis}"
    taken = tuple(sizes[o.number] if i == axis else s for i, s in enumerate(shape))
    stride = _dense(shape)
    return View(taken, stride, sum(sizes[: o.number]) * stride[axis])


def _unpacked(graph: Graph, op: Op) -> View | str:
    """Source: unpack.cc."""
    o = op.options
    assert isinstance(o, Part)
    shape = graph.tensors[op.inputs[0]].shape
    axis = _axis(shape, o.axis)
    if axis is None or shape[axis] != o.count:
        return f"{o.count} outputs of {_by(shape)} along axis {o.axis}"
    stride = _dense(shape)
    rest = [i for i in range(len(shape)) if i != axis]
    return View(
        tuple(shape[i] for i in rest), tuple(stride[i] for i in rest), o.number * stride[axis]
    )


KINDS: dict[str, Callable[[Graph, Op], View | str]] = {
    "TRANSPOSE": _transposed,
    "STRIDED_SLICE": _strided,
    "SLICE": _sliced,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "UNPACK": _unpacked,
}
