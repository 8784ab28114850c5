"""ADD, SOFTMAX, tables, QUANTIZE, DEQUANTIZE, PAD, CONCATENATION. Arrays carry the clips first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.params import (
    AddParams,
    ConcatenationParams,
    DequantizeParams,
    PadParams,
    QuantizeParams,
    SoftmaxParams,
    TableParams,
)

Int8Array = NDArray[np.int8]
Values = NDArray[Any]  # int8 or int16


def _expand(x: Values, rank: int) -> Values:
    """(clips, *shape) with ones put between the clips and a shape of less than `rank`."""
    missing = rank + 1 - x.ndim
    return x.reshape(x.shape[0], *(1,) * missing, *x.shape[1:])


def add(params: AddParams, left: Values, right: Values) -> Values:
    """ADD. Source: TFLM .../integer_ops/add.h, `AddFunc`.

    Args:
        params: Prepared integers.
        left: (clips or 1, *input1_shape).
        right: (clips or 1, *input2_shape).

    Returns:
        (clips, *output_shape).
    """
    rank = max(len(params.input1_shape), len(params.input2_shape))

    def rescale(x: Values, offset: int, multiplier: int, shift: int) -> NDArray[np.int64]:
        wide = (_expand(x, rank).astype(np.int64) + offset) << params.left_shift
        return fp.multiply_by_quantized_multiplier(wide, multiplier, shift).astype(np.int64)

    total = rescale(
        left, params.input1_offset, params.input1_multiplier, params.input1_shift
    ) + rescale(right, params.input2_offset, params.input2_multiplier, params.input2_shift)
    scaled = fp.multiply_by_quantized_multiplier(
        total, params.output_multiplier, params.output_shift
    )
    moved = scaled.astype(np.int64) + params.output_offset
    clamped = np.clip(moved, params.activation_min, params.activation_max).astype(left.dtype)
    return clamped.reshape(clamped.shape[0], *params.output_shape)


def softmax(params: SoftmaxParams, x: Int8Array) -> Int8Array:
    """SOFTMAX over the last dimension. Source: TFLM kernels/internal/reference/softmax.h.

    Exponentials in Q0.31, their sum in Q12.19, its reciprocal by Newton-Raphson, the product
    rounded (halves away from zero) to 8 fractional bits, minus 128.

    Args:
        params: Prepared integers.
        x: (clips, ...) with rows * depth values per clip.

    Returns:
        The shape of x.
    """
    rows = x.reshape(-1, params.depth).astype(np.int64)
    difference = rows - rows.max(axis=1, keepdims=True)
    exponential = np.asarray(params.exp_table, np.int32)[-difference]
    kept = difference >= params.diff_min
    terms = np.where(kept, fp.rounding_divide_by_pot(exponential, 12), 0)
    total = terms.sum(axis=1, keepdims=True, dtype=np.int64)
    scale, bits_over_unit = fp.get_reciprocal(total, 12)
    product = fp.saturating_rounding_doubling_high_mul(scale, exponential)
    output = fp.rounding_divide_by_pot(product, bits_over_unit + 31 - 8).astype(np.int64) - 128
    return np.where(kept, np.clip(output, -128, 127), -128).astype(np.int8).reshape(x.shape)


def table(
    params: TableParams, x: NDArray[np.generic], output: type[np.generic] = np.int8
) -> NDArray[np.generic]:
    """RELU, RELU6, LOGISTIC and QUANTIZE from int8 or uint8: one table entry per value.

    Args:
        params: Prepared integers.
        x: (clips, ...) of int8 or uint8.
        output: int8 or uint8.

    Returns:
        The shape of x, of type `output`.
    """
    found = np.asarray(params.table, np.int8)[x.view(np.int8).astype(np.int64) + 128]
    return found.view(output)


def quantize(params: QuantizeParams, x: NDArray[np.float32]) -> Int8Array:
    """QUANTIZE from float32. Source: TFLM kernels/internal/reference/quantize.h, `AffineQuantize`.

    x / scale in float32, halves away from zero, plus the zero point, clamped. Outside int32 the C++
    conversion is undefined; here it saturates, and what is not a number gives the zero point.
    """
    quotient = (x.astype(np.float32) / np.float32(params.scale)).astype(np.float64)
    bounded = np.clip(np.nan_to_num(quotient, nan=0.0), -(2.0**30), 2.0**30)
    rounded = np.trunc(bounded + np.copysign(0.5, bounded)).astype(np.int64)
    return np.clip(rounded + params.zero_point, -128, 127).astype(np.int8)


def dequantize(params: DequantizeParams, x: Int8Array) -> NDArray[np.float32]:
    """DEQUANTIZE. Source: TFLM kernels/internal/reference/dequantize.h, `Dequantize`.

    The product of a float32 scale and a 9-bit integer is exact in double and rounded once, so a
    single float32 multiplication gives the same.
    """
    return (params.scale * (x.astype(np.float64) - params.zero_point)).astype(np.float32)


def pad(params: PadParams, x: Values) -> Values:
    """PAD and PADV2. Source: TFLM kernels/internal/reference/pad.h."""
    widths = [(0, 0), *zip(params.before, params.after, strict=True)]
    return np.pad(x, widths, constant_values=params.value)


def concatenation(params: ConcatenationParams, parts: Sequence[Values]) -> Values:
    """CONCATENATION. Source: TFLM kernels/internal/reference/concatenation.h."""
    clips = max(p.shape[0] for p in parts)
    whole = [np.broadcast_to(p, (clips, *p.shape[1:])) for p in parts]
    return np.concatenate(whole, axis=params.axis + 1)
