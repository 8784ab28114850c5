"""Functions of one int16 value, and their SOFTMAX. Arrays carry the clips first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.fixedpoint_wide import INT16_MAX, INT16_MIN, exp_table, look_up, reciprocal_table
from convert.gate_tables import sigmoid_int16, tanh_int16
from convert.params import RescaleParams, WideLeakyReluParams, WideSigmoidParams, WideSoftmaxParams

Values = NDArray[Any]  # int8 or int16


def rescale(params: RescaleParams, x: Values) -> Values:
    """QUANTIZE and RELU. Source: TFLM kernels/internal/reference/requantize.h, `Requantize`.

    Args:
        params: Prepared integers.
        x: (clips, ...).

    Returns:
        The shape of x.
    """
    moved = x.astype(np.int64) + params.input_offset
    scaled = fp.multiply_by_quantized_multiplier(moved, params.multiplier, params.shift)
    clamped = np.clip(scaled.astype(np.int64) + params.output_offset, params.low, params.high)
    return clamped.astype(params.types[1])


def softmax(params: WideSoftmaxParams, x: NDArray[np.int16]) -> NDArray[np.int16]:
    """SOFTMAX over the last dimension.

    Exponentials in Q0.15 from a table, their sum S in Q16.15; S / 2^k in [1, 2) to 16 fractional
    bits, the reciprocal of which comes from another table; the product rounded, halves up. Source:
    TFLM kernels/internal/reference/softmax.h, `SoftmaxInt16`.

    Args:
        params: Prepared integers.
        x: (clips, ...) with rows * depth values per clip.

    Returns:
        The shape of x.
    """
    rows = x.reshape(-1, params.depth).astype(np.int64)
    difference = rows - rows.max(axis=1, keepdims=True)
    scaled = fp.multiply_by_quantized_multiplier(difference, params.multiplier, params.shift)
    place = np.clip(scaled.astype(np.int64) + INT16_MAX, INT16_MIN, INT16_MAX)
    exponential = look_up(place, exp_table())
    total = exponential.sum(axis=1, keepdims=True)
    zeros = fp.count_leading_zeros(total)
    fraction = (((total << (zeros - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16)
    reciprocal = look_up(np.clip(fraction, INT16_MIN, INT16_MAX), reciprocal_table())
    right = 31 - zeros
    output = (exponential * reciprocal + (np.int64(1) << (right - 1))) >> right
    return np.clip(output, 0, INT16_MAX).astype(np.int16).reshape(x.shape)


def sigmoid(params: WideSigmoidParams, x: NDArray[np.int16]) -> NDArray[np.int16]:
    """LOGISTIC and TANH; `convert.gate_tables` names the source."""
    function = tanh_int16 if params.hyperbolic else sigmoid_int16
    return function(x, params.multiplier, params.shift)


def leaky_relu(params: WideLeakyReluParams, x: NDArray[np.int16]) -> NDArray[np.int16]:
    """LEAKY_RELU. Source: TFLM kernels/internal/reference/leaky_relu.h, `QuantizeLeakyRelu`."""
    mbqm = fp.multiply_by_quantized_multiplier
    above = mbqm(x, params.identity_multiplier, params.identity_shift).astype(np.int64)
    below = params.sign * mbqm(x, params.multiplier, params.shift).astype(np.int64)
    return np.clip(np.where(x < 0, below, above), INT16_MIN, INT16_MAX).astype(np.int16)
