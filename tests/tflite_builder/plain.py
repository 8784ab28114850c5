"""Models of one operator without weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests.tflite_builder.writing import (
    OpSpec,
    QParams,
    TensorSpec,
    activation_tensor,
    build_model,
    constant,
)


def mean(
    kind: str = "MEAN",
    *,
    shape: tuple[int, ...] = (1, 4, 5, 3),
    axes: tuple[int, ...] = (1, 2),
    keep_dims: bool = False,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (1 / 64, 3),
) -> bytes:
    """MEAN, REDUCE_MAX or REDUCE_MIN over `axes` (negative ones count from the end)."""
    chosen = {a % len(shape) for a in axes}
    kept = [1 if i in chosen else s for i, s in enumerate(shape) if keep_dims or i not in chosen]
    tensors = [
        activation_tensor("input", shape, input_q),
        constant("axes", axes),
        activation_tensor("output", kept, output_q),
    ]
    return build_model([OpSpec(kind, (0, 1), (2,), g.Mean(keep_dims))], tensors)


def softmax(
    *,
    shape: tuple[int, ...] = (1, 10),
    beta: float = 1.0,
    input_q: QParams = (0.1, 4),
    output_q: QParams = (1 / 256, -128),
) -> bytes:
    """SOFTMAX over the last dimension."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec("SOFTMAX", (0,), (1,), g.Softmax(beta))], tensors)


def logistic(
    *,
    shape: tuple[int, ...] = (1, 10),
    input_q: QParams = (0.1, 4),
    output_q: QParams = (1 / 256, -128),
) -> bytes:
    """LOGISTIC."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec("LOGISTIC", (0,), (1,))], tensors)


def relu(
    kind: str = "RELU",
    *,
    shape: tuple[int, ...] = (1, 10),
    input_q: QParams = (0.1, 4),
    output_q: QParams = (0.06, -128),
) -> bytes:
    """RELU or RELU6 (or RELU_N1_TO_1) as an operator of its own."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec(kind, (0,), (1,))], tensors)


def relu6(*, shape: tuple[int, ...] = (1, 10), q: QParams = (0.1, 4)) -> bytes:
    """RELU6; TFLite Micro clamps without rescaling."""
    return relu("RELU6", shape=shape, input_q=q, output_q=q)


def reshape(
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    new_shape: tuple[int, ...] = (1, 12),
    target: str = "tensor",
    request: tuple[int, ...] | None = None,
    q: QParams = (1 / 64, 3),
) -> bytes:
    """RESHAPE; the wanted shape (`request`, default `new_shape`) as "tensor" or "option"."""
    wanted = request if request is not None else new_shape
    tensors = [activation_tensor("input", shape, q), activation_tensor("output", new_shape, q)]
    if target == "tensor":
        tensors.append(constant("shape", wanted))
        op = OpSpec("RESHAPE", (0, 2), (1,))
    else:
        op = OpSpec("RESHAPE", (0,), (1,), new_shape=wanted)
    return build_model([op], tensors, [0], [1])


_BINARY = {"ADD": g.Add, "SUB": g.Sub, "MUL": g.Mul}


def binary(
    kind: str,
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    other_shape: tuple[int, ...] | None = None,
    other_data: NDArray | None = None,
    activation: g.Activation = "none",
    a_q: QParams = (0.02, 3),
    b_q: QParams = (0.03, -5),
    output_q: QParams = (0.04, 1),
) -> bytes:
    """Two inputs; `other_shape` for broadcasting, `other_data` for a constant second operand."""
    b_shape = other_shape or shape
    tensors = [
        activation_tensor("a", shape, a_q),
        activation_tensor("b", b_shape, b_q, data=other_data),
        activation_tensor("output", np.broadcast_shapes(shape, b_shape), output_q),
    ]
    options = _BINARY[kind](activation) if kind in _BINARY else g.NoOptions()
    return build_model([OpSpec(kind, (0, 1), (2,), options)], tensors)


def add(**keywords) -> bytes:
    """ADD."""
    return binary("ADD", **keywords)


def sub(**keywords) -> bytes:
    """SUB."""
    return binary("SUB", **keywords)


def mul(**keywords) -> bytes:
    """MUL."""
    return binary("MUL", **keywords)


def squared_difference(output_q: QParams = (0.02, -100), **keywords) -> bytes:
    """SQUARED_DIFFERENCE."""
    return binary("SQUARED_DIFFERENCE", output_q=output_q, **keywords)


def prelu(
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    slope_shape: tuple[int, ...] = (1, 3),
    slope_q: QParams = (0.004, 5),
    seed: int = 0,
    **keywords,
) -> bytes:
    """PRELU with constant slopes."""
    data = np.random.default_rng(seed).integers(-128, 128, slope_shape).astype(np.int8)
    more = {"other_shape": slope_shape, "other_data": data, "b_q": slope_q}
    return binary("PRELU", shape=shape, **more, **keywords)


def extreme(kind: str = "MAXIMUM", q: QParams = (0.02, 3), **keywords) -> bytes:
    """MAXIMUM or MINIMUM; all share scale and zero point."""
    return binary(kind, a_q=q, b_q=q, output_q=q, **keywords)


def unary(
    kind: str,
    *,
    shape: tuple[int, ...] = (1, 10),
    input_q: QParams = (0.1, 4),
    output_q: QParams = (0.06, -5),
    options: g.Options | None = None,
) -> bytes:
    """TANH, LEAKY_RELU, HARD_SWISH, ...: one input, a shape that stays."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec(kind, (0,), (1,), options or g.NoOptions())], tensors)


def tanh(*, output_q: QParams = (1 / 128, 0), **keywords) -> bytes:
    """TANH."""
    return unary("TANH", output_q=output_q, **keywords)


def leaky_relu(*, alpha: float = 0.2, **keywords) -> bytes:
    """LEAKY_RELU."""
    return unary("LEAKY_RELU", options=g.LeakyRelu(alpha), **keywords)


def hard_swish(**keywords) -> bytes:
    """HARD_SWISH."""
    return unary("HARD_SWISH", **keywords)


def pad(
    *,
    shape: tuple[int, ...] = (1, 4, 3, 2),
    paddings: Sequence[tuple[int, int]] = ((0, 0), (1, 2), (0, 1), (0, 0)),
    kind: str = "PAD",
    dtype: str = "int32",
    q: QParams = (1 / 64, 3),
    value: int | None = None,
    value_q: QParams | None = None,
) -> bytes:
    """PAD with the zero point, or PADV2 with `value`."""
    grown = [s + a + b for s, (a, b) in zip(shape, paddings, strict=True)]
    tensors = [
        activation_tensor("input", shape, q),
        constant("paddings", paddings, dtype),
        activation_tensor("output", grown, q),
    ]
    if value is None:
        return build_model([OpSpec(kind, (0, 1), (2,))], tensors)
    data = np.array([value], np.int8)
    tensors.append(activation_tensor("value", (1,), value_q or q, data=data))
    return build_model([OpSpec("PADV2", (0, 1, 3), (2,))], tensors)


def quantize(
    *,
    shape: tuple[int, ...] = (1, 10),
    dtype: str = "int8",
    input_q: QParams = (0.1, 4),
    output_q: QParams = (0.06, -5),
    output_dtype: str = "int8",
) -> bytes:
    """QUANTIZE from `dtype` ("float32" quantizes, the others requantize) to `output_dtype`."""
    tensors = [
        TensorSpec("input", shape, dtype, (input_q[0],), (input_q[1],)),
        TensorSpec("output", shape, output_dtype, (output_q[0],), (output_q[1],)),
    ]
    return build_model([OpSpec("QUANTIZE", (0,), (1,))], tensors)


def dequantize(*, shape: tuple[int, ...] = (1, 10), input_q: QParams = (0.1, 4)) -> bytes:
    """DEQUANTIZE from int8 to float32."""
    tensors = [activation_tensor("input", shape, input_q), TensorSpec("output", shape, "float32")]
    return build_model([OpSpec("DEQUANTIZE", (0,), (1,))], tensors)


def concatenation(
    *,
    shapes: Sequence[tuple[int, ...]] = ((1, 4, 3), (1, 4, 2)),
    axis: int = 2,
    activation: g.Activation = "none",
    input_qs: Sequence[QParams] | None = None,
    output_q: QParams = (1 / 64, 3),
) -> bytes:
    """CONCATENATION along `axis`."""
    qs = input_qs or [output_q] * len(shapes)
    joined = list(shapes[0])
    joined[axis] = sum(s[axis] for s in shapes)
    tensors = [
        activation_tensor(f"input{i}", s, q)
        for i, (s, q) in enumerate(zip(shapes, qs, strict=True))
    ]
    tensors.append(activation_tensor("output", joined, output_q))
    places = tuple(range(len(shapes)))
    op = OpSpec("CONCATENATION", places, (len(shapes),), g.Concatenation(axis, activation))
    return build_model([op], tensors)
