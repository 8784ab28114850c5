"""Cases of several operators."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import (
    Made,
    clips_of,
    rng_of,
)
from tests.tflite_builder import OpSpec, QParams, TensorSpec, activation_tensor, constant


def network_cases() -> Iterator[Made]:
    """Small nets, so that buffers are reused between layers."""
    for i in range(6):
        rng = rng_of(f"network {i}")
        channels = int(rng.integers(2, 9))
        yield (
            f"separable_{i}",
            _separable(rng, channels, residual=i % 2 == 1),
            clips_of((1, 9, 6, 1), 3, str(i)),
            True,
        )

    for zero_point in (-128, 3):
        clips = clips_of((1, 6, 8), zero_point, "mixed")
        yield f"mixed_zero{zero_point}", mixed(zero_point), clips, True
    for i in range(8):
        rng = rng_of(f"drawn network {i}")
        shape = (1, int(rng.integers(7, 13)), int(rng.integers(7, 13)), int(rng.integers(1, 9)))
        yield f"drawn_{i}", drawn_network(rng, shape), clips_of(shape, 3, f"drawn {i}"), True


def mixed(zero_point: int, hard: bool = True) -> bytes:
    """Operators without weights in a row: what moves values, has two inputs, or is a table.

    `hard` puts HARD_SWISH among them, which int16 does not have.
    """
    rng = rng_of(f"mixed {zero_point}")
    made = tb.Streaming((1 / 32, zero_point))

    def table(kind: str, x: int, shape: tuple[int, ...], q: QParams, *options: g.Options) -> int:
        """The operator, and its result on the scale of the others."""
        return made.op("QUANTIZE", (made.op(kind, (x,), shape, *options, q=q),), shape)

    source = made.tensor((1, 6, 8))
    turned = made.op("TRANSPOSE", (source, made.constant([0, 2, 1])), (1, 8, 6))
    axis, sizes = made.constant([1]), made.constant([3, 3, 2])
    left, middle, right = made.parts("SPLIT_V", (turned, sizes, axis), 1, (3, 3, 2))
    data = rng.integers(-128, 128, (3, 1)).astype(np.int8)
    column = made.tensor((3, 1), (1 / 50, 7), data=data)
    scaled = made.op("MUL", (left, column), (1, 3, 6), g.Mul("relu"))
    apart = made.op("SUB", (scaled, middle), (1, 3, 6), g.Sub())
    larger = made.op("MAXIMUM", (apart, left), (1, 3, 6))
    smaller = made.op("MINIMUM", (larger, middle), (1, 3, 6))
    curved = table("TANH", smaller, (1, 3, 6), (1 / 128, 0))
    bent = made.op("LEAKY_RELU", (curved,), (1, 3, 6), g.LeakyRelu(0.3))
    other = made.op("HARD_SWISH", (larger,), (1, 3, 6)) if hard else larger
    stacked = made.op("PACK", (bent, other), (1, 3, 2, 6), g.Pack(2))
    places = [stacked, *(made.constant(v) for v in ([0, 2, 0, 5], [1, 0, 2, 0], [1, -1, 1, -2]))]
    masks = g.StridedSlice(begin_mask=9, end_mask=10)
    picked = made.op("STRIDED_SLICE", places, (1, 3, 2, 3), masks)
    flat = made.op("RESHAPE", (picked,), (1, 3, 6))
    joined = made.op("CONCATENATION", (flat, right), (1, 5, 6), g.Concatenation(1))
    limits = made.constant([0, 1, 1]), made.constant([1, 4, -1])
    cut = made.op("SLICE", (joined, *limits), (1, 4, 5))
    return made.finish(source, [table("LOGISTIC", cut, (1, 4, 5), (1 / 256, -128))])


def drawn_network(rng: np.random.Generator, shape: tuple[int, ...]) -> bytes:
    """Layers that grow, shrink and join at random: their outputs lie over their inputs."""
    tensors = [activation_tensor("input", shape, (0.05, 3))]
    ops: list[OpSpec] = []
    made = [0]  # activations, the newest last

    def add(kind: str, inputs: tuple[int, ...], output: TensorSpec, options: g.Options) -> None:
        tensors.append(output)
        made.append(len(tensors) - 1)
        ops.append(OpSpec(kind, inputs, (made[-1],), options))

    def constant_of(shape: tuple[int, ...], scale: float, dtype: str, axis: int, most: int) -> int:
        count = shape[axis]
        scales = tuple(float(np.float32(scale * s)) for s in rng.uniform(0.5, 1.5, count))
        data = rng.integers(-most, most, shape).astype(dtype)
        tensors.append(
            TensorSpec(f"c{len(tensors)}", shape, dtype, scales, (0,) * count, axis, data)
        )
        return len(tensors) - 1

    for number in range(7):
        source = made[-1]
        _, height, width, channels = tensors[source].shape
        alike = [t for t in made[:-1] if tensors[t].shape == tensors[source].shape]
        kind = str(
            rng.choice(["CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "pool", "LOGISTIC", "ADD"])
        )
        if kind == "ADD" and alike:
            other = int(rng.choice(alike))
            name, q = f"sum{number}", (0.07, -4)
            add("ADD", (source, other), activation_tensor(name, tensors[source].shape, q), g.Add())
            continue
        if kind == "LOGISTIC":
            out = activation_tensor(f"sigmoid{number}", tensors[source].shape, (1 / 256, -128))
            add(kind, (source,), out, g.NoOptions())
            continue
        same = bool(rng.random() < 0.7)
        padding: g.Padding = "same" if same else "valid"
        taps = tuple(int(rng.integers(1, min(side, 4) + 1)) for side in (height, width))
        stride = tuple(int(rng.integers(1, 3)) for _ in range(2))
        filters = int(rng.integers(1, 17)) if kind == "CONV_2D" else channels
        sides = tuple(
            -(-side // s) if same else (side - k) // s + 1
            for side, k, s in zip((height, width), taps, stride, strict=True)
        )
        after = (1, *sides, filters)
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            filter_shape = (filters, *taps, channels) if kind == "CONV_2D" else (1, *taps, filters)
            axis = 0 if kind == "CONV_2D" else 3
            weights = constant_of(filter_shape, 0.01, "int8", axis, 127)
            bias = constant_of((filters,), 0.0005, "int32", 0, 1000)
            out = activation_tensor(f"conv{number}", after, (0.06, int(rng.integers(-20, 20))))
            conv = kind == "CONV_2D"
            options = g.Conv2D(padding, stride) if conv else g.DepthwiseConv2D(padding, stride, 1)
            add(kind, (source, weights, bias), out, options)
            continue
        before = tensors[source]
        pool = str(rng.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
        out = activation_tensor(f"pool{number}", after, (before.scale[0], before.zero_point[0]))
        add(pool, (source,), out, g.Pool2D(padding, stride, taps))
    return tb.build_model(ops, tensors, [0], [made[-1]])


def _separable(rng: np.random.Generator, channels: int, residual: bool) -> bytes:
    """conv, depthwise, pointwise (+ shortcut), mean, dense, softmax."""

    def weights(name: str, shape: tuple[int, ...], axis: int) -> TensorSpec:
        scales = tuple(float(np.float32(s)) for s in rng.uniform(0.002, 0.02, shape[axis]))
        data = rng.integers(-127, 128, shape).astype(np.int8)
        return TensorSpec(name, shape, "int8", scales, (0,), axis, data)

    def bias(name: str, count: int) -> TensorSpec:
        data = rng.integers(-2000, 2000, count).astype(np.int32)
        return TensorSpec(name, (count,), "int32", (1e-4,), (0,), 0, data)

    full, half = (1, 9, 6, channels), (1, 5, 3, channels)
    tensors = [
        activation_tensor("input", (1, 9, 6, 1), (1 / 64, 3)),  # 0
        weights("w0", (channels, 3, 3, 1), 0),  # 1
        bias("b0", channels),  # 2
        activation_tensor("conv", half, (0.03, -128)),  # 3
        weights("w1", (1, 3, 3, channels), 3),  # 4
        bias("b1", channels),  # 5
        activation_tensor("depthwise", half, (0.02, -128)),  # 6
        weights("w2", (channels, 1, 1, channels), 0),  # 7
        bias("b2", channels),  # 8
        activation_tensor("pointwise", half, (0.05, -10)),  # 9
        activation_tensor("sum", half, (0.06, -20)),  # 10
        constant("axes", (1, 2)),  # 11
        activation_tensor("mean", (1, channels), (0.03, -20)),  # 12
        weights("w3", (7, channels), 0),  # 13
        bias("b3", 7),  # 14
        activation_tensor("logits", (1, 7), (0.02, 4)),  # 15
        activation_tensor("output", (1, 7), (1 / 256, -128)),  # 16
    ]
    assert full
    last = 10 if residual else 9
    ops = [
        OpSpec("CONV_2D", (0, 1, 2), (3,), g.Conv2D("same", (2, 2), (1, 1), "relu")),
        OpSpec("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), g.DepthwiseConv2D("same", (1, 1), 1)),
        OpSpec("CONV_2D", (6, 7, 8), (9,), g.Conv2D("same", (1, 1))),
        *([OpSpec("ADD", (3, 9), (10,), g.Add("relu"))] if residual else []),
        OpSpec("MEAN", (last, 11), (12,), g.Mean(False)),
        OpSpec("FULLY_CONNECTED", (12, 13, 14), (15,), g.FullyConnected()),
        OpSpec("SOFTMAX", (15,), (16,), g.Softmax(1.0)),
    ]
    return tb.build_model(ops, tensors, [0], [16])
