"""Cases of operators that only move values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import Made, clips_of, rng_of
from tests.tflite_builder import OpSpec, activation_tensor, constant

Shape = tuple[int, ...]
_Q = (1 / 64, 3)


def _named(*parts: object) -> str:
    def text(part: object) -> str:
        return "x".join(map(str, part)) if isinstance(part, tuple | list) else str(part)

    return "_".join(text(p) for p in parts).replace("-", "m")


def transpose_cases() -> Iterator[Made]:
    plans: list[tuple[Shape, Sequence[int]]] = [
        *(((1, 4, 3, 2), (0, *p)) for p in itertools.permutations((1, 2, 3))),
        *(((2, 3, 4), p) for p in itertools.permutations((0, 1, 2))),
        ((1, 3, 8, 8), (0, 2, 3, 1)),
        ((1, 1, 5, 1), (0, 3, 2, 1)),
        ((1, 7, 6), (0, 2, 1)),
        ((1, 2, 3, 4, 2), (0, 4, 3, 2, 1)),
        ((1, 2, 3, 4, 2), (0, 2, 1, 4, 3)),
        ((2, 2, 3, 2, 3), (4, 3, 2, 1, 0)),
        ((1, 4, 3, 2), (3, 2, 1, 0)),
        ((6,), (0,)),
    ]
    for shape, order in plans:
        model = tb.transpose(shape=shape, order=order)
        yield _named(shape, "to", order), model, clips_of(shape, 3, "t"), shape[0] == 1


def slice_cases() -> Iterator[Made]:
    plans: list[tuple[Shape, Shape, Shape]] = [
        ((1, 4, 3), (0, 1, 0), (1, 2, -1)),
        ((1, 4, 3), (0, 0, 1), (-1, -1, 1)),
        ((1, 5, 4, 3), (0, 1, 2, 0), (1, 3, 2, 3)),
        ((1, 5, 4, 3), (0, 0, 0, 0), (1, 5, 4, 3)),
        ((1, 5, 4, 3), (0, 4, 3, 2), (1, 1, 1, 1)),
        ((1, 2, 3, 2, 2), (0, 1, 1, 0, 1), (1, 1, 2, 2, 1)),
        ((9,), (3,), (4,)),
    ]
    for shape, begin, size in plans:
        for dtype in ("int32", "int64"):
            model = tb.slice_(shape=shape, begin=begin, size=size, dtype=dtype)
            yield _named(shape, begin, size, dtype), model, clips_of(shape, 3, "s"), True


def strided_slice_cases() -> Iterator[Made]:
    """The ways to ask for neighbours; masks, steps and signs drawn, what NumPy takes is taken."""
    yield "last_row", tb.strided_slice(), clips_of((1, 4, 3), 3, "n"), True
    yield "first_row", tb.strided_slice(begin=(0, 0, 0)), clips_of((1, 4, 3), 3, "n"), True
    rows: list[tuple[str, dict]] = [
        ("middle", {"begin": (0, 1, 0), "end": (1, 5, 3), "output": (1, 4, 3)}),
        ("all", {"end": (1, 6, 3), "output": (1, 6, 3), "options": g.StridedSlice(7)}),
        ("last_two", {"begin": (0, -2, 0), "output": (1, 2, 3), "options": g.StridedSlice(5, 7)}),
    ]
    for name, more in rows:
        options = {"options": g.StridedSlice()} | more
        model = tb.strided_slice(shape=(1, 6, 3), **options)
        yield name, model, clips_of((1, 6, 3), 3, "n"), True
    for i in range(32):
        rng = rng_of(f"strided_slice {i}")
        shape = (1, *(int(n) for n in rng.integers(2, 7, int(rng.integers(1, 4)))))
        rank = len(shape)
        begin, end, strides = [0], [1], [1]
        for size in shape[1:]:
            step = int(rng.choice([1, 1, 2, 3, -1, -2]))
            low, high = sorted(int(v) for v in rng.choice(size + 1, 2, replace=False))
            first, last = (low, high) if step > 0 else (high - 1, low - 1)
            if rng.random() < 0.3 and first > 0:
                first -= size
            if last < 0:
                last = -size - 1
            begin.append(first)
            end.append(last)
            strides.append(step)
        masks = [int(m) & ~1 if i % 3 == 0 else 0 for m in rng.integers(0, 1 << rank, 2)]
        shrink = int(rng.integers(0, 1 << rank)) & ~1 if i % 4 == 3 else 0
        masks[0] &= ~shrink
        strides = [abs(s) if shrink >> axis & 1 else s for axis, s in enumerate(strides)]
        pick: list[slice | int] = []
        for axis in range(rank):
            if shrink >> axis & 1:
                pick.append(begin[axis])
                continue
            low_end = None if masks[0] >> axis & 1 else begin[axis]
            high_end = None if masks[1] >> axis & 1 else end[axis]
            pick.append(slice(low_end, high_end, strides[axis]))
        output = np.zeros(shape)[tuple(pick)].shape
        if 0 in output or output == ():
            continue
        options = g.StridedSlice(masks[0], masks[1], shrink)
        tensors = [
            activation_tensor("input", shape, _Q),
            constant("begin", begin),
            constant("end", end),
            constant("strides", strides),
            activation_tensor("output", output, _Q),
        ]
        model = tb.build_model([OpSpec("STRIDED_SLICE", (0, 1, 2, 3), (4,), options)], tensors)
        yield _named(f"{i:02}", shape, begin, strides), model, clips_of(shape, 3, str(i)), True


def split_cases() -> Iterator[Made]:
    plans: list[tuple[Shape, int, int]] = [
        ((1, 4, 6), 2, 3),
        ((1, 4, 6), -1, 2),
        ((1, 4, 6), 1, 4),
        ((1, 2, 3, 8), 3, 2),
        ((1, 6, 3, 2), 1, 3),
        ((1, 6, 3, 2), -3, 2),
        ((8,), 0, 4),
        ((1, 5), 1, 1),
    ]
    for shape, axis, count in plans:
        model = tb.split(shape=shape, axis=axis, count=count)
        yield _named(shape, axis, count), model, clips_of(shape, 3, "s"), True


def split_v_cases() -> Iterator[Made]:
    plans: list[tuple[Shape, int, Shape, int]] = [
        ((1, 4, 6), 2, (1, 3, 2), -1),
        ((1, 4, 6), -1, (1, 3, 2), 1),
        ((1, 4, 6), 1, (3, 1), 0),
        ((1, 11, 1, 8), -1, (4, 4), -1),
        ((1, 2, 3, 7), 3, (2, 5), 1),
    ]
    for shape, axis, sizes, rest in plans:
        model = tb.split_v(shape=shape, axis=axis, sizes=sizes, rest=rest)
        yield _named(shape, axis, sizes, rest), model, clips_of(shape, 3, "v"), True


def unpack_cases() -> Iterator[Made]:
    for shape, axis in (((1, 3, 4), 1), ((1, 3, 4), -1), ((1, 2, 3, 4), 2), ((1, 3, 4), 0)):
        yield _named(shape, axis), tb.unstack(shape=shape, axis=axis), clips_of(shape, 3, "u"), True


def pack_cases() -> Iterator[Made]:
    for count, axis in ((2, 1), (3, -1), (1, 2), (2, 3), (12, -3)):
        model = tb.stack(count=count, axis=axis)
        yield _named(count, axis), model, clips_of((1, 4, 3), 3, "p"), True
    # Back and forth: what was unpacked is packed along another axis.
    tensors = [activation_tensor("input", (1, 3, 4), _Q)]
    tensors += [activation_tensor(f"part{i}", (1, 4), _Q) for i in range(3)]
    tensors.append(activation_tensor("output", (1, 4, 3), _Q))
    ops = [
        OpSpec("UNPACK", (0,), (1, 2, 3), g.Part(1)),
        OpSpec("PACK", (1, 2, 3), (4,), g.Pack(2)),
    ]
    yield "unpacked", tb.build_model(ops, tensors), clips_of((1, 3, 4), 3, "b"), True


FAMILIES: dict[str, Callable[[], Iterator[Made]]] = {
    "transpose": transpose_cases,
    "slice": slice_cases,
    "strided_slice": strided_slice_cases,
    "split": split_cases,
    "split_v": split_v_cases,
    "unpack": unpack_cases,
    "pack": pack_cases,
}
