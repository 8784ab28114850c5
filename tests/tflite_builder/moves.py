"""Models of one operator that only moves values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert import graph as g
from tests.tflite_builder.writing import (
    OpSpec,
    QParams,
    TensorSpec,
    activation_tensor,
    build_model,
    constant,
)

_Q = (1 / 64, 3)
Shape = tuple[int, ...]


def transpose(*, shape: Shape = (1, 4, 3, 2), order: Sequence[int] = (0, 3, 1, 2)) -> bytes:
    """TRANSPOSE."""
    output = tuple(shape[i] for i in order)
    tensors = [
        activation_tensor("input", shape, _Q),
        constant("order", order),
        activation_tensor("output", output, _Q),
    ]
    return build_model([OpSpec("TRANSPOSE", (0, 1), (2,))], tensors)


def slice_(
    *,
    shape: Shape = (1, 4, 3),
    begin: Sequence[int] = (0, 1, 0),
    size: Sequence[int] = (1, 2, -1),
    dtype: str = "int32",
) -> bytes:
    """SLICE; a size of -1 is the rest."""
    taken = [n - b if s < 0 else s for n, b, s in zip(shape, begin, size, strict=True)]
    tensors = [
        activation_tensor("input", shape, _Q),
        constant("begin", begin, dtype),
        constant("size", size, dtype),
        activation_tensor("output", taken, _Q),
    ]
    return build_model([OpSpec("SLICE", (0, 1, 2), (3,))], tensors)


def strided_slice(
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    begin: Sequence[int] = (0, -1, 0),
    end: Sequence[int] = (0, 0, 0),
    strides: Sequence[int] = (1, 1, 1),
    output: tuple[int, ...] = (1, 3),
    options: g.StridedSlice | None = None,
) -> bytes:
    """STRIDED_SLICE; by default the last row."""
    tensors = [
        activation_tensor("input", shape, _Q),
        constant("begin", begin),
        constant("end", end),
        constant("strides", strides),
        activation_tensor("output", output, _Q),
    ]
    chosen = options or g.StridedSlice(begin_mask=0b101, end_mask=0b101, shrink_mask=0b010)
    return build_model([OpSpec("STRIDED_SLICE", (0, 1, 2, 3), (4,), chosen)], tensors)


def _parts(shape: Shape, axis: int, sizes: Sequence[int]) -> list[TensorSpec]:
    axis %= len(shape)
    return [
        activation_tensor(f"part{i}", (*shape[:axis], n, *shape[axis + 1 :]), _Q)
        for i, n in enumerate(sizes)
    ]


def split(*, shape: Shape = (1, 4, 6), axis: int = 2, count: int = 3) -> bytes:
    """SPLIT into equal parts."""
    parts = _parts(shape, axis, [shape[axis] // count] * count)
    tensors = [constant("axis", axis), activation_tensor("input", shape, _Q), *parts]
    outputs = tuple(range(2, 2 + count))
    return build_model([OpSpec("SPLIT", (0, 1), outputs, g.Part())], tensors, [1], outputs)


def split_v(
    *, shape: Shape = (1, 4, 6), axis: int = 2, sizes: Sequence[int] = (1, 3, 2), rest: int = -1
) -> bytes:
    """SPLIT_V; the file says -1 instead of the size number `rest`."""
    said = [-1 if i == rest else n for i, n in enumerate(sizes)]
    parts = _parts(shape, axis, sizes)
    tensors = [
        activation_tensor("input", shape, _Q),
        constant("sizes", said),
        constant("axis", axis),
        *parts,
    ]
    outputs = tuple(range(3, 3 + len(sizes)))
    return build_model([OpSpec("SPLIT_V", (0, 1, 2), outputs, g.Part())], tensors, [0], outputs)


def unpack(*, shape: Shape = (1, 3, 4), axis: int = 1) -> bytes:
    """UNPACK: one output for each index."""
    count = shape[axis]
    rest = tuple(np.delete(np.array(shape), axis).tolist())
    tensors = [activation_tensor("input", shape, _Q)]
    tensors += [activation_tensor(f"part{i}", rest, _Q) for i in range(count)]
    outputs = tuple(range(1, 1 + count))
    op = OpSpec("UNPACK", (0,), outputs, g.Part(axis))
    return build_model([op], tensors, [0], outputs)


def pack(
    *, shape: Shape = (1, 4, 3), count: int = 2, axis: int = 1, qs: Sequence[QParams] = ()
) -> bytes:
    """PACK of the input, `count` times, the others constant."""
    rng = np.random.default_rng(count)
    chosen = qs or [_Q] * count
    tensors = [activation_tensor("input", shape, chosen[0])]
    for i in range(1, count):
        data = rng.integers(-128, 128, shape).astype(np.int8)
        tensors.append(activation_tensor(f"constant{i}", shape, chosen[i], data=data))
    joined = list(shape)
    joined.insert(axis % (len(shape) + 1), count)
    tensors.append(activation_tensor("output", joined, chosen[0]))
    return build_model([OpSpec("PACK", tuple(range(count)), (count,), g.Pack(axis))], tensors)
