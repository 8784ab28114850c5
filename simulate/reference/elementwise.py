"""Softmax, tables, QUANTIZE, DEQUANTIZE, and what moves values. Arrays carry the clips first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.params import (
    ConcatenationParams,
    CopyParams,
    DequantizeParams,
    PadParams,
    PickParams,
    QuantizeParams,
    SoftmaxParams,
    TableParams,
)

Int8Array = NDArray[np.int8]
Values = NDArray[Any]  # int8 or int16


def softmax(params: SoftmaxParams, x: Int8Array) -> Values:
    """SOFTMAX over the last dimension. Source: TFLM kernels/internal/reference/softmax.h.

    Exponentials in Q0.31, their sum in Q12.19, its reciprocal by Newton-Raphson, the product
    rounded (halves away from zero) to 8 (16) fractional bits, minus 128 (32768).

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
    limits = np.iinfo(np.int16 if params.bits == 16 else np.int8)
    share = fp.rounding_divide_by_pot(product, bits_over_unit + 31 - params.bits).astype(np.int64)
    output = np.clip(share + limits.min, limits.min, limits.max)
    return np.where(kept, output, limits.min).astype(limits.dtype).reshape(x.shape)


def table(
    params: TableParams, x: NDArray[np.generic], output: type[np.generic] = np.int8
) -> NDArray[np.generic]:
    """Operators with one input of int8 or uint8: one table entry per value.

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
    """CONCATENATION and PACK. Source: TFLM kernels/internal/reference/concatenation.h.

    Returns:
        (clips, output elements).
    """
    clips = max(p.shape[0] for p in parts)
    runs = [
        np.broadcast_to(p.reshape(p.shape[0], params.outer, run), (clips, params.outer, run))
        for p, run in zip(parts, params.runs, strict=True)
    ]
    return np.concatenate(runs, axis=2).reshape(clips, -1)


def copy(params: CopyParams, x: Values) -> Values:
    """TRANSPOSE, STRIDED_SLICE, SLICE, SPLIT, SPLIT_V, UNPACK.

    Args:
        params: Prepared integers.
        x: (clips, ...).

    Returns:
        (clips, output elements).
    """
    flat = np.ascontiguousarray(x).reshape(len(x), -1)
    places = np.full((1,) * len(params.shape), params.offset)
    for axis, (size, stride) in enumerate(zip(params.shape, params.stride, strict=True)):
        steps = np.arange(size) * stride
        places = places + steps.reshape(-1, *(1,) * (len(params.shape) - axis - 1))
    return flat[:, (places[..., np.newaxis] + np.arange(params.run)).ravel()]


def pick(params: PickParams, x: Values) -> Values:
    """RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD, GATHER, DEPTH_TO_SPACE, SPACE_TO_DEPTH.

    Args:
        params: Prepared integers.
        x: (clips, ...).

    Returns:
        (clips, output elements).
    """
    flat = np.ascontiguousarray(x).reshape(len(x), -1)
    places = np.zeros(1, np.int64)
    for part in (*params.places, range(params.run)):
        places = (places[:, np.newaxis] + np.asarray(part)).ravel()
    return flat[:, places]
