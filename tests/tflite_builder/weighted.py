"""Models of one operator that has weights or a window."""

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


def output_extent(size: int, window: int, stride: int, dilation: int, padding: str) -> int:
    """Output height or width of a window operator."""
    reach = (window - 1) * dilation + 1
    return -(-size // stride) if padding == "same" else (size - reach) // stride + 1


def _weights(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    axis: int,
    per_channel: bool,
    scale: float | Sequence[float] | None,
    data: NDArray | None,
) -> TensorSpec:
    channels = shape[axis]
    if scale is None:
        drawn = rng.uniform(0.002, 0.02, channels if per_channel else 1)
        scales = tuple(float(np.float32(s)) for s in drawn)
    elif isinstance(scale, int | float):
        scales = (float(scale),) * (channels if per_channel else 1)
    else:
        scales = tuple(scale)
    if data is None:
        data = rng.integers(-127, 128, shape)
    return TensorSpec("weights", shape, "int8", scales, (0,), axis, np.asarray(data, np.int8))


def _bias(
    rng: np.random.Generator,
    channels: int,
    input_scale: float,
    weights: TensorSpec,
    data: NDArray | None,
) -> TensorSpec:
    scales = tuple(float(np.float32(input_scale) * np.float32(s)) for s in weights.scale)
    if data is None:
        data = rng.integers(-4000, 4001, channels)
    return TensorSpec("bias", (channels,), "int32", scales, (0,), 0, np.asarray(data, np.int32))


def conv_2d(
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    filters: int = 4,
    groups: int = 1,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: g.Padding = "same",
    activation: g.Activation = "none",
    per_channel: bool = True,
    bias: bool = True,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.05, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """CONV_2D; weights (filters, kernel height, kernel width, channels / groups)."""
    rng = np.random.default_rng(seed)
    w = _weights(rng, (filters, *kernel, channels // groups), 0, per_channel, weight_scale, weights)
    size = [
        output_extent(s, k, t, d, padding)
        for s, k, t, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), input_q),
        w,
        _bias(rng, filters, input_q[0], w, bias_data),
        activation_tensor("output", (batch, *size, filters), output_q),
    ]
    options = g.Conv2D(padding, stride, dilation, activation)
    op = OpSpec("CONV_2D", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def depthwise_conv_2d(
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    multiplier: int = 1,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: g.Padding = "same",
    activation: g.Activation = "none",
    per_channel: bool = True,
    bias: bool = True,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.03, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """DEPTHWISE_CONV_2D; weights (1, kernel height, kernel width, channels * multiplier)."""
    rng = np.random.default_rng(seed)
    made = channels * multiplier
    w = _weights(rng, (1, *kernel, made), 3, per_channel, weight_scale, weights)
    size = [
        output_extent(s, k, t, d, padding)
        for s, k, t, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), input_q),
        w,
        _bias(rng, made, input_q[0], w, bias_data),
        activation_tensor("output", (batch, *size, made), output_q),
    ]
    options = g.DepthwiseConv2D(padding, stride, multiplier, dilation, activation)
    op = OpSpec("DEPTHWISE_CONV_2D", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def fully_connected(
    *,
    batch: int = 1,
    inputs: int = 12,
    units: int = 5,
    activation: g.Activation = "none",
    per_channel: bool = False,
    bias: bool = True,
    keep_dims: bool = False,
    input_shape: tuple[int, ...] | None = None,
    output_shape: tuple[int, ...] | None = None,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.05, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """FULLY_CONNECTED; weights (units, inputs)."""
    rng = np.random.default_rng(seed)
    w = _weights(rng, (units, inputs), 0, per_channel, weight_scale, weights)
    tensors = [
        activation_tensor("input", input_shape or (batch, inputs), input_q),
        w,
        _bias(rng, units, input_q[0], w, bias_data),
        activation_tensor("output", output_shape or (batch, units), output_q),
    ]
    options = g.FullyConnected(activation, keep_dims)
    op = OpSpec("FULLY_CONNECTED", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def pool_2d(
    kind: str = "MAX_POOL_2D",
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    window: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2),
    padding: g.Padding = "valid",
    activation: g.Activation = "none",
    q: QParams = (1 / 64, 3),
) -> bytes:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""
    size = [
        output_extent(s, k, t, 1, padding)
        for s, k, t in zip((height, width), window, stride, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), q),
        activation_tensor("output", (batch, *size, channels), q),
    ]
    op = OpSpec(kind, (0,), (1,), g.Pool2D(padding, stride, window, activation))
    return build_model([op], tensors)


def max_pool_2d(**keywords) -> bytes:
    """MAX_POOL_2D."""
    return pool_2d("MAX_POOL_2D", **keywords)


def average_pool_2d(**keywords) -> bytes:
    """AVERAGE_POOL_2D."""
    return pool_2d("AVERAGE_POOL_2D", **keywords)


def transpose_conv(
    *,
    height: int = 3,
    width: int = 4,
    channels: int = 3,
    filters: int = 2,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (2, 2),
    padding: g.Padding = "same",
    activation: g.Activation = "none",
    per_channel: bool = True,
    bias: bool = True,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.03, -7),
    seed: int = 0,
) -> bytes:
    """TRANSPOSE_CONV; weights (filters, kernel height, kernel width, channels)."""
    rng = np.random.default_rng(seed)
    w = _weights(rng, (filters, *kernel, channels), 0, per_channel, None, None)
    size = [
        s * t + (max(k - t, 0) if padding == "valid" else 0)
        for s, k, t in zip((height, width), kernel, stride, strict=True)
    ]
    output = (1, *size, filters)
    tensors = [
        constant("shape", output),
        w,
        activation_tensor("input", (1, height, width, channels), input_q),
        activation_tensor("output", output, output_q),
    ]
    inputs: tuple[int, ...] = (0, 1, 2)
    if bias:
        values = rng.integers(-3000, 3000, filters)
        scales = tuple(input_q[0] * s for s in w.scale)
        tensors.append(TensorSpec("bias", (filters,), "int32", scales, (0,), data=values))
        inputs = (0, 1, 2, 4)
    op = OpSpec("TRANSPOSE_CONV", inputs, (3,), g.TransposeConv(padding, stride, activation))
    return build_model([op], tensors, [2], [3])
