"""A .tflite of the shape of DS-CNN-S for ten words, with drawn weights from a given set.

Layers: Zhang et al., "Hello Edge" (arXiv:1711.07128), table 1 of the appendix: 64 filters of 10x4
by 2, four blocks of depthwise 3x3 and pointwise 64, mean, dense. Input 49 frames of 10
coefficients. Scales are chosen so that activations neither vanish nor saturate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests.tflite_builder import OpSpec, TensorSpec, activation_tensor, build_model, constant

CHANNELS = 64
CLASSES = 12
# What base-1.5 logarithmic weights of 4 bits become as int8.
LOG4 = (0, 11, 17, 25, 38, 56, 85, 127)

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.int8]]


def any_int8(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Bell-shaped, as trained weights are."""
    return np.clip(np.round(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)


def log4(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Magnitudes of `LOG4` with signs."""
    return (rng.choice(LOG4, shape) * rng.choice((-1, 1), shape)).astype(np.int8)


def linear4(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Multiples of 127/7, at least one of them 127 in each channel."""
    levels = np.clip(np.round(rng.normal(0, 2.5, shape)), -7, 7)
    axis = 3 if len(shape) == 4 and shape[0] == 1 else 0
    levels[tuple(slice(None) if i == axis else 0 for i in range(len(shape)))] = 7
    return np.round(levels * 127 / 7).astype(np.int8)


def ds_cnn(draw: Draw, seed: int = 0) -> bytes:
    """The file; `draw` makes the weights of a shape."""
    rng = np.random.default_rng(seed)
    tensors = [activation_tensor("input", (1, 49, 10, 1), (1 / 64, 0))]
    ops: list[OpSpec] = []

    def add(spec: TensorSpec) -> int:
        tensors.append(spec)
        return len(tensors) - 1

    def weighted(
        kind: str, shape: tuple[int, ...], axis: int, output: tuple[int, ...], options: g.Options
    ) -> None:
        channels = shape[axis]
        fan_in = int(np.prod(shape)) // channels
        per_channel = kind != "FULLY_CONNECTED"
        # He initialisation: products of weights around 50 steps keep the activations' size
        scale = rng.uniform(0.5, 1.5, channels if per_channel else 1) * (2 / fan_in) ** 0.5 / 50
        scales = tuple(float(np.float32(s)) for s in scale)
        before = len(tensors) - 1 if not ops else ops[-1].outputs[0]
        weights = TensorSpec(f"w{len(ops)}", shape, "int8", scales, (0,), axis, draw(rng, shape))
        source = tensors[before].scale[0]
        bias_scale = tuple(float(np.float32(source) * np.float32(s)) for s in scales)
        bias = rng.integers(-3000, 3000, channels).astype(np.int32)
        inputs = (
            before,
            add(weights),
            add(TensorSpec(f"b{len(ops)}", (channels,), "int32", bias_scale, (0,), 0, bias)),
        )
        made = add(activation_tensor(f"x{len(ops)}", output, (0.02, -128 if per_channel else 3)))
        ops.append(OpSpec(kind, inputs, (made,), options))

    full = (1, 25, 5, CHANNELS)
    stem = g.Conv2D("same", (2, 2), (1, 1), "relu")
    weighted("CONV_2D", (CHANNELS, 10, 4, 1), 0, full, stem)
    for _ in range(4):
        depthwise = g.DepthwiseConv2D("same", (1, 1), 1, (1, 1), "relu")
        weighted("DEPTHWISE_CONV_2D", (1, 3, 3, CHANNELS), 3, full, depthwise)
        pointwise = g.Conv2D("same", (1, 1), (1, 1), "relu")
        weighted("CONV_2D", (CHANNELS, 1, 1, CHANNELS), 0, full, pointwise)
    axes = add(constant("axes", (1, 2)))
    mean = add(activation_tensor("mean", (1, CHANNELS), (0.02, -128)))
    ops.append(OpSpec("MEAN", (ops[-1].outputs[0], axes), (mean,), g.Mean(False)))
    weighted("FULLY_CONNECTED", (CLASSES, CHANNELS), 0, (1, CLASSES), g.FullyConnected())
    output = add(activation_tensor("output", (1, CLASSES), (1 / 256, -128)))
    ops.append(OpSpec("SOFTMAX", (ops[-1].outputs[0],), (output,), g.Softmax(1.0)))
    return build_model(ops, tensors, [0], [output])
