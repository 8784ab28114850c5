"""Operators with two inputs. Arrays carry the clips first, and are int8 or int16."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.params_binary import (
    AddParams,
    BinaryParams,
    ExtremeParams,
    MulParams,
    PreluParams,
    SquaredDifferenceParams,
    SumParams,
)

Values = NDArray[Any]  # int8 or int16


def _pair(params: BinaryParams, left: Values, right: Values) -> tuple[NDArray, NDArray]:
    """Both inputs as int64, with ones put between the clips and a shape of less dimensions."""
    rank = max(len(params.input1_shape), len(params.input2_shape))

    def expanded(x: Values) -> NDArray[np.int64]:
        return x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:]).astype(np.int64)

    return expanded(left), expanded(right)


def _clamped(params: SumParams | MulParams, scaled: NDArray, like: Values) -> Values:
    moved = scaled.astype(np.int64) + params.output_offset
    clamped = np.clip(moved, params.activation_min, params.activation_max).astype(like.dtype)
    return clamped.reshape(clamped.shape[0], *params.output_shape)


def joined(params: SumParams, left: Values, right: Values) -> Values:
    """ADD, SUB and SQUARED_DIFFERENCE.

    Source: TFLM kernels/internal/reference/integer_ops/add.h, `AddFunc`; sub.h;
    micro/kernels/squared_difference.cc.

    Args:
        params: Prepared integers.
        left: (clips or 1, *input1_shape).
        right: (clips or 1, *input2_shape).

    Returns:
        (clips, *output_shape).
    """
    a, b = _pair(params, left, right)

    def rescale(x: NDArray, offset: int, multiplier: int, shift: int) -> NDArray[np.int64]:
        wide = (x + offset) << params.left_shift
        return fp.multiply_by_quantized_multiplier(wide, multiplier, shift).astype(np.int64)

    a = rescale(a, params.input1_offset, params.input1_multiplier, params.input1_shift)
    b = rescale(b, params.input2_offset, params.input2_multiplier, params.input2_shift)
    total = a + b if isinstance(params, AddParams) else a - b
    if isinstance(params, SquaredDifferenceParams):
        total = total * total
    scaled = fp.multiply_by_quantized_multiplier(
        total, params.output_multiplier, params.output_shift
    )
    return _clamped(params, scaled, left)


def product(params: MulParams, left: Values, right: Values) -> Values:
    """MUL. Source: TFLM kernels/internal/reference/integer_ops/mul.h; arguments as of `joined`."""
    a, b = _pair(params, left, right)
    raw = (a + params.input1_offset) * (b + params.input2_offset)
    scaled = fp.multiply_by_quantized_multiplier(raw, params.multiplier, params.shift)
    return _clamped(params, scaled, left)


def extreme(params: ExtremeParams, left: Values, right: Values) -> Values:
    """MAXIMUM and MINIMUM. Source: TFLM micro/kernels/maximum_minimum.cc; as `joined`."""
    a, b = _pair(params, left, right)
    chosen = (np.maximum(a, b) if params.largest else np.minimum(a, b)).astype(left.dtype)
    return chosen.reshape(chosen.shape[0], *params.output_shape)


def prelu(params: PreluParams, x: Values, slope: Values) -> Values:
    """PRELU. Source: TFLM kernels/internal/reference/prelu.h; arguments as of `joined`."""
    value, factor = _pair(params, x, slope)
    value, factor = value + params.input_offset, factor + params.slope_offset
    mbqm = fp.multiply_by_quantized_multiplier
    above = mbqm(value, params.above_multiplier, params.above_shift).astype(np.int64)
    below = mbqm(value * factor, params.below_multiplier, params.below_shift).astype(np.int64)
    bent = np.clip(np.where(value >= 0, above, below) + params.output_offset, -128, 127)
    return bent.astype(np.int8).reshape(bent.shape[0], *params.output_shape)
