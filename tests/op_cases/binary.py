"""Cases of operators with two inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import (
    ACTIVATIONS,
    ZERO_POINTS,
    Made,
    clips_of,
    quant,
    rng_of,
)
from tests.tflite_builder import OpSpec, QParams, activation_tensor

_OPTIONS = {"ADD": g.Add, "SUB": g.Sub, "MUL": g.Mul}
_BROADCASTS = [
    ((1, 4, 3), (3,)),
    ((1, 4, 3), (1,)),
    ((1, 4, 3), ()),
    ((1, 4, 3), (1, 4, 1)),
    ((1, 4, 3), (1, 1, 3)),
    ((1, 4, 5, 3), (1, 1, 1, 3)),
    ((1, 4, 5, 3), (1, 1, 5, 1)),
    ((1, 4, 5, 3), (4, 1, 3)),
    ((1, 1, 1, 3), (1, 4, 5, 3)),
    ((1, 4, 1, 3), (1, 1, 5, 1)),
    ((1, 4, 3), (1, 4, 3, 1, 1)),
]


def _model(
    kind: str,
    left: tuple[int, ...],
    right: tuple[int, ...],
    qs: tuple[QParams, QParams, QParams],
    activation: g.Activation,
    seed: int,
    swapped: bool = False,
) -> bytes:
    """x and a constant, or, where the shapes are equal, x and requantized x."""
    output = tuple(int(d) for d in np.broadcast_shapes(left, right))
    options = _OPTIONS[kind](activation) if kind in _OPTIONS else g.NoOptions()
    if left == right:
        tensors = [
            activation_tensor("a", left, qs[0]),
            activation_tensor("b", left, qs[1]),
            activation_tensor("output", output, qs[2]),
        ]
        places = (1, 0) if swapped else (0, 1)
        ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec(kind, places, (2,), options)]
        return tb.build_model(ops, tensors)
    data = np.random.default_rng(seed).integers(-128, 128, right).astype(np.int8)
    tensors = [
        activation_tensor("a", left, qs[0]),
        activation_tensor("b", right, qs[1], data=data),
        activation_tensor("output", output, qs[2]),
    ]
    return tb.build_model([OpSpec(kind, (1, 0) if swapped else (0, 1), (2,), options)], tensors)


def sum_cases(kind: str) -> Iterator[Made]:
    """ADD and SUB."""
    for i in range(28 if kind == "ADD" else 16):
        rng = rng_of(f"{kind.lower()} {i}")
        a, b = quant(rng, 0.005, 0.2), quant(rng, 0.005, 0.2)
        factor = float(rng.choice([1.0, 0.1, 8.0]))
        activation = ACTIVATIONS[i % 4]
        zero = int(rng.choice(ZERO_POINTS if activation == "none" else (-128, -90, -20)))
        out = (float(np.float32(max(a[0], b[0]) * factor)), zero)
        if activation in ("relu6", "relu_n1_to_1"):
            a, b, out = (0.1, a[1]), (b[0], b[1]), ((0.05, zero) if i % 8 < 4 else (0.02, zero))
        if i == 0:
            b = out = a
        if i == 4:
            a, b, out = (0.25, 1), (0.5, -2), (1.0, 0)  # ties
        model = _model(kind, (1, 6, 43), (1, 6, 43), (a, b, out), activation, i, i % 2 == 1)
        yield f"{i:02}_{activation}", model, clips_of((1, 6, 43), a[1], str(i)), True
    yield from _broadcasts(kind, ((0.02, 3), (0.03, -5), (0.04, 1)))


def _broadcasts(kind: str, qs: tuple[QParams, QParams, QParams]) -> Iterator[Made]:
    """ADD in both orders; the others share its loops, and alternate."""
    for i, (left, right) in enumerate(_BROADCASTS):
        for swapped in (False, True) if kind == "ADD" else (i % 2 == 1,):
            sizes = "x".join(map(str, left)) + "_and_" + ("x".join(map(str, right)) or "scalar")
            model = _model(kind, left, right, qs, "none", i, swapped)
            order = "_swapped" if swapped else ""
            yield f"broadcast_{sizes}{order}", model, clips_of(left, 3, str(i)), len(right) < 5


def mul_cases() -> Iterator[Made]:
    for i in range(20):
        rng = rng_of(f"mul {i}")
        a, b = quant(rng, 0.005, 0.2), quant(rng, 0.005, 0.2)
        # Fitting, saturating, coarse, and with a shift to the left.
        factor = float(rng.choice([100.0, 10.0, 800.0, 0.3]))
        activation = ACTIVATIONS[i % 4]
        zero = int(rng.choice(ZERO_POINTS if activation == "none" else (-128, -90, -20)))
        out = (float(np.float32(a[0] * b[0] * factor)), zero)
        if activation in ("relu6", "relu_n1_to_1"):
            a, b, out = (0.1, a[1]), (0.06, b[1]), ((0.05, zero) if i % 8 < 4 else (0.02, zero))
        if i == 4:
            a, b, out = (0.25, 1), (0.5, -2), (1.0, 0)  # ties
        if i == 8:
            out = (a[0] * b[0] / 32000, 3)  # as far to the left as it may be
        model = _model("MUL", (1, 6, 43), (1, 6, 43), (a, b, out), activation, i, i % 2 == 1)
        yield f"{i:02}_{activation}", model, clips_of((1, 6, 43), a[1], str(i)), True
    yield from _broadcasts("MUL", ((0.02, 3), (0.03, -5), (0.04, 1)))


def extreme_cases(kind: str) -> Iterator[Made]:
    """MAXIMUM and MINIMUM."""
    q = (0.02, 3)
    yield from _broadcasts(kind, (q, q, q))


def squared_difference_cases() -> Iterator[Made]:
    for i in range(20):
        rng = rng_of(f"squared_difference {i}")
        a, b = quant(rng, 0.005, 0.2), quant(rng, 0.005, 0.2)
        factor = float(rng.choice([50.0, 10.0, 400.0, 0.001]))
        out = (float(np.float32(max(a[0], b[0]) ** 2 * factor)), int(rng.choice(ZERO_POINTS)))
        model = _model("SQUARED_DIFFERENCE", (1, 6, 43), (1, 6, 43), (a, b, out), "none", i)
        yield f"{i:02}", model, clips_of((1, 6, 43), a[1], str(i)), True
    yield from _broadcasts("SQUARED_DIFFERENCE", ((0.02, 3), (0.03, -5), (0.04, -100)))


def prelu_cases() -> Iterator[Made]:
    shapes = [(1, 5, 4, 6), (1, 1, 6), (6,), (1,), (1, 5, 1, 1), (5, 4, 6)]
    for i in range(24):
        rng = rng_of(f"prelu {i}")
        a, slope = quant(rng, 0.01, 0.1), quant(rng, 0.002, 0.01)
        out = (float(np.float32(a[0] * rng.choice([1.0, 0.3, 2.0]))), int(rng.choice(ZERO_POINTS)))
        model = tb.prelu(
            shape=(1, 5, 4, 6),
            slope_shape=shapes[i % 6],
            a_q=a,
            slope_q=slope,
            output_q=out,
            seed=i,
        )
        yield f"{i:02}", model, clips_of((1, 5, 4, 6), a[1], str(i)), True
