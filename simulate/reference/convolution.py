"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED in integers.

Arrays carry the clips first and then the model's own shape. Values are int8, or int16 with sums of
64 bits; the type of `x` decides. Sums of products are formed with float64 matrix products where
there are many: every product is an integer below 2^16 (2^22 with int16), so that every partial sum
is an integer below 2^53 and float64 gives it exactly, in whatever order it adds. `check_depth`
keeps that true.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.fixedpoint_wide import multiply_wide_by_quantized_multiplier
from convert.params import (
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    TransposeConvParams,
    WeightedParams,
)

_T = TypeVar("_T", bound=np.generic)
Int8Array = NDArray[np.int8]
Values = NDArray[Any]  # int8 or int16
Bias = NDArray[np.int32] | NDArray[np.int64] | None

_CHUNK_VALUES = 1 << 21  # about 16 MB of float64 at a time
_MAX_DEPTH = 1 << 30  # products below 2^23 each: sums stay below 2^53


def check_depth(depth: int) -> None:
    """Assert that float64 sums of `depth` products are exact; no tensor can be this large."""
    assert depth < _MAX_DEPTH, depth


def pad_to_windows(
    x: NDArray[_T],
    value: int,
    padding: tuple[int, int],
    output: tuple[int, int],
    stride: tuple[int, int],
    reach: tuple[int, int],
) -> NDArray[_T]:
    """Surround (n, height, width, channels) so that every window lies inside.

    Args:
        x: Values.
        value: What to put around them.
        padding: Rows above, columns left.
        output: Windows down and across.
        stride: Steps between windows.
        reach: Rows and columns that one window spans, dilation included.
    """
    widths = [(0, 0)]
    for axis in (0, 1):
        need = (output[axis] - 1) * stride[axis] + reach[axis]
        widths.append((padding[axis], max(0, need - padding[axis] - x.shape[1 + axis])))
    widths.append((0, 0))
    return np.pad(x, widths, constant_values=value)


def window_positions(
    output: tuple[int, int],
    stride: tuple[int, int],
    row: int,
    column: int,
) -> tuple[slice, slice, slice]:
    """Index that picks, from a padded array, what window element (row, column) meets everywhere."""
    return (
        slice(None),
        slice(row, row + (output[0] - 1) * stride[0] + 1, stride[0]),
        slice(column, column + (output[1] - 1) * stride[1] + 1, stride[1]),
    )


def _finish(
    accumulator: NDArray[np.int64],
    params: WeightedParams,
    bias: Bias,
    dtype: np.dtype[Any],
) -> Values:
    """Bias, rescaling per channel (last axis), output offset, clamp."""
    if bias is not None:
        accumulator = accumulator + bias
    factors = np.asarray(params.multiplier), np.asarray(params.shift)
    if dtype == np.int16:
        scaled = multiply_wide_by_quantized_multiplier(accumulator, *factors)
    else:
        scaled = fp.multiply_by_quantized_multiplier(accumulator.astype(np.int32), *factors)
    moved = scaled.astype(np.int64) + params.output_offset
    return np.clip(moved, params.activation_min, params.activation_max).astype(dtype)


def conv_2d(params: ConvParams, x: Values, weights: Int8Array, bias: Bias) -> Values:
    """CONV_2D. Source: TFLM kernels/internal/reference/integer_ops/conv.h, `ConvPerChannel`.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).
        weights: (out, height, width, in / groups).
        bias: (out,) or None.

    Returns:
        (clips, *output_shape).
    """
    clips = x.shape[0]
    images = x.reshape(-1, *params.input_shape[1:])
    out_channels, height, width, depth = weights.shape
    out_rows, out_columns = params.output_shape[1:3]
    per_group = out_channels // params.groups
    check_depth(height * width * depth)
    kernel = weights.astype(np.float64)
    chunk = max(1, _CHUNK_VALUES // (out_rows * out_columns * max(out_channels, images.shape[3])))
    results = []
    for start in range(0, len(images), chunk):
        shifted = images[start : start + chunk].astype(np.float64) + params.input_offset
        padded = pad_to_windows(
            shifted,
            0,
            params.padding,
            (out_rows, out_columns),
            params.stride,
            ((height - 1) * params.dilation[0] + 1, (width - 1) * params.dilation[1] + 1),
        )
        total = np.zeros((len(shifted), out_rows, out_columns, out_channels))
        for row in range(height):
            for column in range(width):
                seen = padded[
                    window_positions(
                        (out_rows, out_columns),
                        params.stride,
                        row * params.dilation[0],
                        column * params.dilation[1],
                    )
                ]
                for group in range(params.groups):
                    outs = slice(group * per_group, (group + 1) * per_group)
                    ins = slice(group * depth, (group + 1) * depth)
                    total[..., outs] += seen[..., ins] @ kernel[outs, row, column].T
        results.append(_finish(total.astype(np.int64), params, bias, x.dtype))
    return np.concatenate(results).reshape(clips, *params.output_shape)


def transpose_conv(
    params: TransposeConvParams, x: Values, weights: Int8Array, bias: Bias
) -> Values:
    """TRANSPOSE_CONV. Source: TFLM .../integer_ops/transpose_conv.h, `TransposeConv`.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).
        weights: (out, height, width, in).
        bias: (out,) or None.

    Returns:
        (clips, *output_shape).
    """
    clips = x.shape[0]
    images = x.reshape(-1, *params.input_shape[1:]).astype(np.int64) + params.input_offset
    height, width = weights.shape[1:3]
    steps = [(size - 1) * step for size, step in zip(images.shape[1:3], params.stride, strict=True)]
    out_rows, out_columns = params.output_shape[1:3]
    # All that any input reaches, of which the output is a part; nothing reaches the rest.
    sides = [
        max(step + taps, before + size)
        for step, taps, before, size in zip(
            steps, (height, width), params.padding, (out_rows, out_columns), strict=True
        )
    ]
    total = np.zeros((len(images), *sides, weights.shape[0]), np.int64)
    for row in range(height):
        for column in range(width):
            down = slice(row, row + steps[0] + 1, params.stride[0])
            across = slice(column, column + steps[1] + 1, params.stride[1])
            total[:, down, across] += images @ weights[:, row, column].T.astype(np.int64)
    top, left = params.padding
    seen = total[:, top : top + out_rows, left : left + out_columns]
    return _finish(seen, params, bias, x.dtype).reshape(clips, *params.output_shape)


def depthwise_conv_2d(
    params: DepthwiseConvParams, x: Values, weights: Int8Array, bias: Bias
) -> Values:
    """DEPTHWISE_CONV_2D. Source: TFLM .../integer_ops/depthwise_conv.h, `DepthwiseConvPerChannel`.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).
        weights: (1, height, width, out).
        bias: (out,) or None.

    Returns:
        (clips, *output_shape).
    """
    clips = x.shape[0]
    images = x.reshape(-1, *params.input_shape[1:])
    _, height, width, out_channels = weights.shape
    out_rows, out_columns = params.output_shape[1:3]
    sums: type[Any] = np.int64 if x.dtype == np.int16 else np.int32
    kernel = weights[0].astype(sums)
    chunk = max(1, _CHUNK_VALUES // (out_rows * out_columns * out_channels))
    results = []
    for start in range(0, len(images), chunk):
        shifted = images[start : start + chunk].astype(sums) + sums(params.input_offset)
        padded = pad_to_windows(
            np.repeat(shifted, params.depth_multiplier, axis=3),
            0,
            params.padding,
            (out_rows, out_columns),
            params.stride,
            ((height - 1) * params.dilation[0] + 1, (width - 1) * params.dilation[1] + 1),
        )
        total = np.zeros((len(shifted), out_rows, out_columns, out_channels), sums)
        for row in range(height):
            for column in range(width):
                seen = padded[
                    window_positions(
                        (out_rows, out_columns),
                        params.stride,
                        row * params.dilation[0],
                        column * params.dilation[1],
                    )
                ]
                total += seen * kernel[row, column]
        results.append(_finish(total.astype(np.int64), params, bias, x.dtype))
    return np.concatenate(results).reshape(clips, *params.output_shape)


def fully_connected(
    params: FullyConnectedParams, x: Values, weights: Int8Array, bias: Bias
) -> Values:
    """FULLY_CONNECTED. Source: TFLM .../integer_ops/fully_connected.h, both variants.

    Args:
        params: Prepared integers.
        x: (clips, ...) with rows * depth values per clip.
        weights: (units, depth).
        bias: (units,) or None.

    Returns:
        (clips, rows, units), for the caller to reshape.
    """
    check_depth(params.depth)
    rows = x.reshape(x.shape[0], params.rows, params.depth).astype(np.float64)
    total = (rows + params.input_offset) @ (weights.astype(np.float64) + params.filter_offset).T
    return _finish(total.astype(np.int64), params, bias, x.dtype)
