"""Cases of operators without weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import (
    Made,
    clips_of,
    every_value,
    quant,
    rng_of,
    scale_between,
)
from tests.tflite_builder import OpSpec, QParams, activation_tensor


def mean_cases() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((1, 4, 5, 3), (1, 2)),
        ((1, 4, 5, 3), (2, 1)),
        ((1, 4, 5, 3), (-3, -2)),
        ((1, 4, 5, 3), (1,)),
        ((1, 4, 5, 3), (2,)),
        ((1, 4, 5, 3), (3,)),
        ((1, 4, 5, 3), (1, 3)),
        ((1, 4, 5, 3), (1, 2, 3)),
        ((1, 4, 5, 3), (1, 1)),
        ((1, 25, 5, 64), (1, 2)),
        ((1, 1, 1, 7), (1, 2)),
        ((1, 7, 9), (1,)),
        ((1, 7, 9), (2,)),
        ((1, 7, 9), (1, 2)),
        ((1, 33), (1,)),
        ((1, 2, 3, 4, 5), (1, 3)),
        ((1, 4, 5, 3), (0, 1, 2)),
        ((6,), (0,)),
        ((1, 127, 1, 2), (1, 2)),
        ((1, 128, 1, 2), (1, 2)),
        ((1, 129, 1, 2), (1, 2)),
        ((1, 3, 5, 10), (1, 2)),
    ]
    for i, (shape, axes) in enumerate(plans):
        for keep_dims in (False, True):
            for same in (True, False):
                rng = rng_of(f"mean {i} {keep_dims} {same}")
                input_q = quant(rng, 0.01, 0.1)
                output_q = input_q
                if not same:
                    input_q = (input_q[0], (-20, -1, 0, 3, 40)[i % 5])
                    output_q = (scale_between(rng, 0.3, 1.1) * input_q[0], 20 - i)
                model = tb.mean(
                    shape=shape, axes=axes, keep_dims=keep_dims, input_q=input_q, output_q=output_q
                )
                sizes = "x".join(map(str, shape))
                over = "_".join(map(str, axes)).replace("-", "m")
                kept = "_kept" if keep_dims else ""
                name = f"{sizes}_over_{over}{kept}{'' if same else '_rescaled'}"
                yield name, model, clips_of(shape, input_q[1], str(i)), 0 not in axes


def reduce_cases(kind: str) -> Iterator[Made]:
    """REDUCE_MAX and REDUCE_MIN."""
    plans: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((1, 4, 5, 3), (1, 2)),
        ((1, 4, 5, 3), (-1,)),
        ((1, 4, 5, 3), (1, 3)),
        ((1, 4, 5, 3), (2,)),
        ((1, 7, 9), (1,)),
        ((1, 33), (1,)),
    ]
    for shape, axes in plans:
        for keep_dims in (False, True):
            q = (0.02, 3)
            model = tb.mean(
                kind, shape=shape, axes=axes, keep_dims=keep_dims, input_q=q, output_q=q
            )
            over = "_".join(map(str, axes)).replace("-", "m")
            name = f"{'x'.join(map(str, shape))}_over_{over}{'_kept' if keep_dims else ''}"
            yield name, model, clips_of(shape, 3, name), True


def softmax_cases() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], float, QParams]] = [
        ((1, 10), 1.0, (0.1, 4)),
        ((1, 12), 1.0, (0.2, -3)),
        ((1, 1), 1.0, (0.1, 4)),
        ((1, 2), 1.0, (0.05, 4)),
        ((1, 3), 0.5, (0.1, 4)),
        ((1, 10), 2.0, (0.1, 4)),
        ((1, 35), 1.0, (1.0, 0)),
        ((1, 10), 1.0, (0.001, 0)),
        ((1, 10), 1.0, (8.0, 127)),
        ((1, 10), 1.0, (40.0, 127)),
        ((1, 10), 10.0, (0.75, 20)),
        ((1, 257), 1.0, (0.03, -128)),
        ((1, 500), 1.0, (0.1, 0)),
        ((1, 511), 1.0, (0.01, 0)),
        ((10,), 1.0, (0.1, 4)),
        ((1, 5, 7), 1.0, (0.1, 4)),
        ((1, 3, 2, 6), 1.0, (0.1, 4)),
    ]
    for shape, beta, q in plans:
        sizes = "x".join(map(str, shape))
        model = tb.softmax(shape=shape, beta=beta, input_q=q)
        yield f"{sizes}_beta{beta:g}_scale{q[0]:g}", model, clips_of(shape, q[1], "s"), True
    for i in range(12):
        rng = rng_of(f"softmax {i}")
        q, depth = quant(rng, 0.01, 1.0), int(rng.integers(2, 50))
        model = tb.softmax(shape=(1, depth), input_q=q)
        yield f"{i:02}_{depth}_drawn", model, clips_of((1, depth), q[1], str(i)), True


def logistic_cases() -> Iterator[Made]:
    for scale in (0.001, 0.01, 0.03, 1 / 16, 0.1, 0.13, 0.25, 0.5, 1.0, 3.7, 7.0):
        for zero_point in (-128, 0, 31, 127):
            model = tb.logistic(shape=(1, 256), input_q=(scale, zero_point))
            yield f"scale{scale:g}_zero{zero_point}", model, every_value(), True


def relu_cases() -> Iterator[Made]:
    for i in range(16):
        rng = rng_of(f"relu {i}")
        a = (scale_between(rng, 0.01, 0.1), (-100, -7, 0, 30)[i % 4])
        b = a if i % 4 == 0 else (scale_between(rng, 0.01, 0.2), (-128, -60, -1, 3)[i // 4])
        if i == 5:
            a, b = (0.125, 0), (0.5, -128)  # ties
        model = tb.relu(shape=(1, 256), input_q=a, output_q=b)
        yield f"{i:02}", model, every_value(), True
    model = tb.relu(shape=(1, 16, 16, 1), input_q=(0.05, 3), output_q=(0.05, 3))
    yield "rank_4", model, every_value((1, 16, 16, 1)), True


def relu6_cases() -> Iterator[Made]:
    for scale in (0.01, 6 / 255, 0.03, 0.05, 0.1, 1.0, 13.0):
        for zero_point in (-128, 0, 120):
            q = (scale, zero_point)
            model = tb.relu("RELU6", shape=(1, 256), input_q=q, output_q=q)
            yield f"scale{scale:g}_zero{zero_point}", model, every_value(), True


def quantize_cases() -> Iterator[Made]:
    for i in range(20):
        rng = rng_of(f"quantize {i}")
        a, b = quant(rng, 0.01, 0.2), quant(rng, 0.005, 0.2)
        if i == 0:
            b = (a[0], 9)
        if i in (1, 2):
            a, b = (0.125, i), (0.5 * i, -3)  # ties
        model = tb.quantize(shape=(1, 256), input_q=a, output_q=b)
        yield f"int8_{i:02}", model, every_value(), True
    for source, output in (("uint8", "int8"), ("int8", "uint8")):
        for i in range(6):
            rng = rng_of(f"quantize {source} {i}")
            a, b = quant(rng, 0.01, 0.2), quant(rng, 0.005, 0.2)
            if i == 0:
                b = a  # the converter's way: the same numbers, 128 apart
            a, b = (
                (a[0], a[1] + 128 * (source == "uint8")),
                (b[0], b[1] + 128 * (output == "uint8")),
            )
            model = tb.quantize(
                shape=(1, 256), dtype=source, input_q=a, output_q=b, output_dtype=output
            )
            yield f"{source}_{i:02}_to_{output}", model, every_value().view(source), True
    for i in range(8):
        rng = rng_of(f"quantize float {i}")
        scale, zero_point = quant(rng, 0.003, 0.5)
        halves = (np.arange(-300, 300) + 0.5) * np.float32(scale)
        drawn = rng.uniform(-200, 200, 400) * scale
        edges = np.array([0.0, -0.0, 1e6 * scale, -1e6 * scale, 1e-30, -1e-30])
        values = np.concatenate([halves, drawn, edges]).astype(np.float32)[np.newaxis]
        model = tb.quantize(shape=(1, 1006), dtype="float32", output_q=(scale, zero_point))
        yield f"float32_{i:02}", model, values, True


def dequantize_cases() -> Iterator[Made]:
    for i in range(8):
        q = quant(rng_of(f"dequantize {i}"), 0.001, 2.0)
        yield f"{i:02}", tb.dequantize(shape=(1, 256), input_q=q), every_value(), True


def reshape_cases() -> Iterator[Made]:
    plans = [
        ((1, 4, 3), (1, 12), "tensor"),
        ((1, 4, 3), (1, 12), "option"),
        ((1, 12), (1, 2, 3, 2), "tensor"),
        ((1, 2, 3, 2), (1, 12), "tensor"),
        ((1, 2, 3, 2), (12,), "tensor"),
        ((12,), (1, 12), "tensor"),
    ]
    for shape, new_shape, target in plans:
        names = "x".join(map(str, shape)), "x".join(map(str, new_shape))
        model = tb.reshape(shape=shape, new_shape=new_shape, target=target)
        yield f"{names[0]}_to_{names[1]}_{target}", model, clips_of(shape, 3, "r"), True


def pad_cases() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
        ((1, 4, 3, 2), ((0, 0), (1, 2), (0, 1), (0, 0))),
        ((1, 4, 3, 2), ((0, 0), (0, 0), (0, 0), (0, 0))),
        ((1, 4, 3, 2), ((0, 0), (0, 0), (2, 0), (1, 3))),
        ((1, 4, 3), ((0, 0), (1, 2), (3, 0))),
        ((1, 7), ((0, 0), (5, 1))),
        ((7,), ((2, 1),)),
        ((1, 2, 3, 2, 2), ((0, 0), (1, 0), (0, 1), (2, 0), (0, 1))),
        ((1, 4, 3, 2), ((1, 1), (1, 1), (1, 1), (1, 1))),
    ]
    for shape, paddings in plans:
        for zero_point in (-128, 5):
            sizes = "x".join(map(str, shape)) + "_" + "_".join(f"{a}.{b}" for a, b in paddings)
            model = tb.pad(shape=shape, paddings=paddings, q=(1 / 64, zero_point))
            inputs = clips_of(shape, zero_point, "p")
            portable = len(shape) < 5 and paddings[0] == (0, 0)
            yield f"{sizes}_zero{zero_point}", model, inputs, portable
            if portable:
                model = tb.pad(shape=shape, paddings=paddings, q=(1 / 64, zero_point), value=-99)
                yield f"{sizes}_zero{zero_point}_value", model, inputs, True


def _concatenation_model(shapes: tuple[tuple[int, ...], ...], axis: int, q: QParams) -> bytes:
    """The input, or the input copied, beside constants."""
    joined = list(shapes[0])
    joined[axis] = sum(s[axis] for s in shapes)
    rng = rng_of(f"concatenation {shapes}")
    tensors = [activation_tensor("input", shapes[0], q)]
    for i, shape in enumerate(shapes[1:]):
        data = rng.integers(-128, 128, shape).astype(np.int8)
        tensors.append(activation_tensor(f"constant{i}", shape, q, data=data))
    tensors.append(activation_tensor("output", joined, q))
    places = tuple(range(len(shapes)))
    op = OpSpec("CONCATENATION", places, (len(shapes),), g.Concatenation(axis))
    return tb.build_model([op], tensors)


def concatenation_cases() -> Iterator[Made]:
    plans: list[tuple[tuple[tuple[int, ...], ...], int]] = [
        (((1, 4, 3), (1, 4, 2)), 2),
        (((1, 4, 3), (1, 4, 2)), -1),
        (((1, 4, 3), (1, 1, 3)), 1),
        (((1, 2, 3, 4), (1, 2, 3, 1), (1, 2, 3, 5)), 3),
        (((1, 2, 3, 4), (1, 5, 3, 4)), 1),
        (((1, 2, 3, 4), (1, 2, 1, 4)), 2),
        (((1, 6), (1, 3)), 1),
        (((5,), (3,)), 0),
        (((1, 4), (1, 4)), 0),
        (tuple((1, i + 1) for i in range(10)), 1),
    ]
    for shapes, axis in plans:
        sizes = "_".join("x".join(map(str, s)) for s in shapes)
        model = _concatenation_model(shapes, axis, (1 / 64, 3))
        portable = len(shapes) < 10 and axis != 0
        yield f"{sizes}_axis{axis}".replace("-", "m"), model, clips_of(shapes[0], 3, "c"), portable
    q = (0.05, -4)
    tensors = [
        activation_tensor("input", (1, 3, 4), q),
        activation_tensor("relu", (1, 3, 4), q),
        activation_tensor("output", (1, 3, 12), q),
    ]
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("CONCATENATION", (0, 1, 0), (2,), g.Concatenation(2)),
    ]
    yield "repeated_input", tb.build_model(ops, tensors), clips_of((1, 3, 4), -4, "c"), True
