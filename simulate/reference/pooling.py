"""MAX_POOL_2D, AVERAGE_POOL_2D and MEAN of int8 or int16. Arrays carry the clips first."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.params import MeanParams, PoolParams, ReduceExtremeParams
from simulate.reference.convolution import pad_to_windows, window_positions

_T = TypeVar("_T", bound=np.generic)
Values = NDArray[Any]  # int8 or int16


def _windows(params: PoolParams, x: NDArray[_T], value: int) -> list[NDArray[_T]]:
    """What each element of the window meets at every output position; `value` outside."""
    output = (params.output_shape[1], params.output_shape[2])
    padded = pad_to_windows(x, value, params.padding, output, params.stride, params.window)
    return [
        padded[window_positions(output, params.stride, row, column)]
        for row in range(params.window[0])
        for column in range(params.window[1])
    ]


def max_pool_2d(params: PoolParams, x: Values) -> Values:
    """MAX_POOL_2D. Source: TFLM .../integer_ops/pooling.h, `MaxPool`.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).

    Returns:
        (clips, *output_shape).
    """
    images = x.reshape(-1, *params.input_shape[1:])
    highest = np.maximum.reduce(_windows(params, images, np.iinfo(x.dtype).min))
    clamped = np.clip(highest, params.activation_min, params.activation_max).astype(x.dtype)
    return clamped.reshape(x.shape[0], *params.output_shape)


def average_pool_2d(params: PoolParams, x: Values) -> Values:
    """AVERAGE_POOL_2D: sum over the window inside the input, divided, halves away from zero.

    Source: TFLM .../integer_ops/pooling.h, `AveragePool`. The zero point takes no part: values are
    averaged as stored.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).

    Returns:
        (clips, *output_shape).
    """
    images = x.reshape(-1, *params.input_shape[1:]).astype(np.int32)
    inside = np.ones((1, *params.input_shape[1:3], 1), np.int32)
    total = np.add.reduce(_windows(params, images, 0))
    count = np.add.reduce(_windows(params, inside, 0))
    mean = fp.divide_half_away(total, count)
    clamped = np.clip(mean, params.activation_min, params.activation_max).astype(x.dtype)
    return clamped.reshape(x.shape[0], *params.output_shape)


def mean(params: MeanParams, x: Values) -> Values:
    """MEAN. Source: TFLM kernels/internal/reference/reduce.h, `QuantizedMeanOrSum`.

    Args:
        params: Prepared integers.
        x: (clips, *input_shape).

    Returns:
        (clips, *output_shape).
    """
    total = x.sum(axis=tuple(a + 1 for a in params.axes), dtype=np.int64) + params.sum_offset
    scaled = fp.multiply_by_quantized_multiplier(total, params.multiplier, params.shift)
    limits = np.iinfo(x.dtype)
    moved = np.clip(scaled.astype(np.int64) + params.output_offset, limits.min, limits.max)
    return moved.astype(x.dtype).reshape(x.shape[0], *params.output_shape)


def reduce_extreme(params: ReduceExtremeParams, x: Values) -> Values:
    """REDUCE_MAX and REDUCE_MIN. Source: TFLM micro/kernels/reduce_common.cc; as `mean`."""
    axes = tuple(a + 1 for a in params.axes)
    found = x.max(axis=axes) if params.largest else x.min(axis=axes)
    return found.reshape(x.shape[0], *params.output_shape)
