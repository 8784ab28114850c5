"""Cases of operators that pick values index by index, of ABS, ELU, SUM and TRANSPOSE_CONV."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import Made, clips_of, every_value, quant, rng_of
from tests.op_cases.moves import _named

_SCALES = (0.001, 0.01, 0.03, 1 / 16, 0.1, 0.25, 0.5, 1.0, 3.7)


def resize_cases() -> Iterator[Made]:
    shapes = [(1, 3, 4, 2), (1, 5, 1, 3), (1, 7, 6, 1)]
    sizes = [(6, 8), (3, 4), (2, 3), (1, 1), (10, 7), (9, 11)]
    modes = [(False, False), (True, False), (False, True), (True, True)]
    for shape, size, (corners, centers) in itertools.product(shapes, sizes, modes):
        model = tb.resize_nearest(
            shape=shape, size=size, align_corners=corners, half_pixel_centers=centers
        )
        name = _named(shape, "to", size, "corners" if corners else "", "centers" if centers else "")
        yield name, model, clips_of(shape, 3, name), True


def mirror_pad_cases() -> Iterator[Made]:
    plans = [
        ((1, 4, 5, 2), ((0, 0), (1, 2), (3, 0), (0, 0))),
        ((1, 4, 5, 2), ((0, 0), (3, 3), (4, 4), (1, 1))),
        ((1, 6), ((0, 0), (5, 1))),
        ((1, 6, 3), ((0, 0), (0, 5), (2, 2))),
        ((1, 8, 8, 3), ((0, 0), (1, 1), (1, 1), (0, 0))),
    ]
    for (shape, paddings), symmetric in itertools.product(plans, (False, True)):
        for dtype in ("int32", "int64"):
            model = tb.mirror_pad(shape=shape, paddings=paddings, symmetric=symmetric, dtype=dtype)
            name = _named(shape, *paddings, "symmetric" if symmetric else "reflect", dtype)
            yield name, model, clips_of(shape, 3, name), True


def gather_cases() -> Iterator[Made]:
    plans = [
        ((1, 5, 3), 1, (4, 0, 0, 2)),
        ((1, 5, 3), -1, (2, 1, 0)),
        ((1, 5, 3), 2, (1,)),
        ((1, 4, 5, 2), 2, (0, 2, 4)),
        ((1, 4, 5, 2), 1, ((3, 1, 1),)),
        ((1, 9), 1, tuple(range(8, -1, -1))),
        ((1, 4, 5, 2), 3, (0, 0, 1)),
    ]
    for shape, axis, indices in plans:
        model = tb.gather(shape=shape, axis=axis, indices=indices)
        name = _named(shape, axis, np.array(indices).ravel().tolist(), np.ndim(indices))
        yield name, model, clips_of(shape, 3, name), True


def block_cases(kind: str) -> Iterator[Made]:
    plans = [((1, 2, 3, 8), 2), ((1, 3, 1, 9), 3), ((1, 1, 1, 16), 4), ((1, 4, 2, 5), 1)]
    if kind == "SPACE_TO_DEPTH":
        plans = [((1, 4, 6, 2), 2), ((1, 3, 6, 1), 3), ((1, 8, 4, 3), 4), ((1, 4, 2, 5), 1)]
    for shape, size in plans:
        model = tb.blocks(kind, shape=shape, size=size)
        yield _named(shape, size), model, clips_of(shape, 3, kind), True


def unary_cases(kind: str) -> Iterator[Made]:
    for scale in _SCALES:
        for zero_point in (-128, -7, 31, 127):
            model = tb.unary(
                kind, shape=(1, 256), input_q=(scale, zero_point), output_q=(scale, -3)
            )
            yield f"same_{scale:.3g}_{zero_point}", model, every_value(), True
    for i in range(24):
        rng = rng_of(f"{kind} {i}")
        a, b = quant(rng, 0.005, 0.2), quant(rng, 0.005, 0.2)
        model = tb.unary(kind, shape=(1, 256), input_q=a, output_q=b)
        yield f"{i:02}", model, every_value(), True


def sum_cases() -> Iterator[Made]:
    plans = [
        ((1, 4, 5, 3), (1, 2)),
        ((1, 4, 5, 3), (-1,)),
        ((1, 4, 5, 3), (1, 3)),
        ((1, 7, 6, 8), (1, 2)),
        ((1, 7, 9), (1,)),
        ((1, 33), (1,)),
    ]
    for (shape, axes), keep_dims in itertools.product(plans, (False, True)):
        for scale in (0.02, 0.1, 1.0):
            model = tb.mean(
                "SUM",
                shape=shape,
                axes=axes,
                keep_dims=keep_dims,
                input_q=(0.02, 3),
                output_q=(scale, -5),
            )
            name = _named(shape, "over", axes, "kept" if keep_dims else "", scale)
            yield name, model, clips_of(shape, 3, name), True


def transpose_conv_cases() -> Iterator[Made]:
    strides = [(1, 1), (2, 2), (1, 2), (3, 2), (2, 1)]
    kernels = [(3, 3), (2, 2), (1, 1), (4, 3), (5, 1)]
    paddings: tuple[g.Padding, ...] = ("same", "valid")
    for i, (stride, kernel, padding) in enumerate(itertools.product(strides, kernels, paddings)):
        rng = rng_of(f"transpose_conv {i}")
        a, b = quant(rng, 0.01, 0.1), quant(rng, 0.01, 0.2)
        height, width, channels = (int(rng.integers(1, 6)) for _ in range(3))
        model = tb.transpose_conv(
            height=height,
            width=width,
            channels=channels,
            filters=int(rng.integers(1, 7)),
            kernel=kernel,
            stride=stride,
            padding=padding,
            activation=("none", "relu", "relu6")[i % 3],
            per_channel=i % 4 != 0,
            bias=i % 5 != 0,
            input_q=a,
            output_q=b,
            seed=i,
        )
        name = _named(f"{i:02}", kernel, stride, padding)
        yield name, model, clips_of((1, height, width, channels), a[1], name), True


FAMILIES: dict[str, Callable[[], Iterator[Made]]] = {
    "resize_nearest_neighbor": resize_cases,
    "mirror_pad": mirror_pad_cases,
    "gather": gather_cases,
    "depth_to_space": lambda: block_cases("DEPTH_TO_SPACE"),
    "space_to_depth": lambda: block_cases("SPACE_TO_DEPTH"),
    "abs": lambda: unary_cases("ABS"),
    "elu": lambda: unary_cases("ELU"),
    "sum": sum_cases,
    "transpose_conv": transpose_conv_cases,
}
