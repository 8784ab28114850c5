"""The int16 sigmoid and tanh of TFLite: one table, read with interpolation.

Both functions are odd around their middle, and tanh(x) = 2 sigmoid(2 x) - 1, so that one table of
the sigmoid for x >= 0 serves them. "TFLM" is tensorflow/tflite-micro.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

ENTRIES = 256
_STEPS_PER_UNIT = 24


def _table() -> tuple[int, ...]:
    """sigmoid(i / 24) in Q0.16 for i = 0 to 255, lifted by a sixteenth of its curvature.

    Between two entries a straight line is drawn. Of a curve f sampled at distance h it lies off by
    up to h^2 |f''| / 8, always on the same side; entries f - h^2 f'' / 16 halve that, the error
    being as large at the entries as between them. The last entry is 2^16 - 1, beyond which the
    functions are constant. These are the integers of TFLM's `sigmoid_table_uint16`
    (tensorflow/lite/kernels/internal/common.h); tests hold the wheel's results against them.
    """
    step = 1.0 / _STEPS_PER_UNIT
    sigmoid = 1.0 / (1.0 + np.exp(-step * np.arange(ENTRIES, dtype=np.float64)))
    curvature = sigmoid * (1.0 - sigmoid) * (1.0 - 2.0 * sigmoid)
    lifted = 65536.0 * (sigmoid - step * step * curvature / 16.0)
    values = np.floor(lifted + 0.5).astype(np.int64)
    values[-1] = 65535
    return tuple(int(v) for v in values)


SIGMOID_TABLE = _table()
"""uint16 values."""


def _argument(x: ArrayLike, multiplier: int, shift: int) -> NDArray[np.int64]:
    """Rescale to the table's steps: x * multiplier / 2^shift, halves up."""
    half = (1 << shift) >> 1
    return (np.asarray(x, np.int64) * multiplier + half) >> shift


def _interpolated(magnitude: NDArray[np.int64], bits: int, ceiling: int) -> NDArray[np.int64]:
    """The table at magnitude / 2^bits, `bits` more fractional bits; `ceiling` at its end."""
    table = np.asarray(SIGMOID_TABLE, np.int64)
    place = magnitude >> bits
    inside = np.minimum(place, ENTRIES - 2)
    low, high = table[inside], table[inside + 1]
    line = (low << bits) + (magnitude & ((1 << bits) - 1)) * (high - low)
    return np.where(place >= ENTRIES - 1, ceiling, line)


def sigmoid_int16(x: ArrayLike, multiplier: int = 3, shift: int = 0) -> NDArray[np.int16]:
    """Sigmoid of x * multiplier / 2^shift, in steps of 1/24 / 2^9, to Q0.15; by default of Q3.12.

    Source: TFLM tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h, the form for
    int16.
    """
    argument = _argument(x, multiplier, shift)
    found = _interpolated(np.abs(argument), 9, 0x7FFF << 10)
    mirrored = np.where(argument >= 0, found + (1 << 9), (1 << 25) - found + (1 << 9) - 1)
    return (mirrored >> 10).astype(np.int16)


def tanh_int16(x: ArrayLike, multiplier: int, shift: int) -> NDArray[np.int16]:
    """Hyperbolic tangent of x * multiplier / 2^shift, in steps of 1/48 / 2^8, to Q0.15.

    Source: TFLM tensorflow/lite/kernels/internal/reference/integer_ops/tanh.h, the form for int16.
    """
    argument = _argument(x, multiplier, shift)
    found = _interpolated(np.abs(argument), 8, 0xFFFF << 8) - (1 << 23)
    mirrored = np.where(argument >= 0, found + (1 << 7), -found + (1 << 7) - 1)
    return (mirrored >> 8).astype(np.int16)


def tanh_factors(scale_power: int) -> tuple[int, int]:
    """(multiplier, shift) of `tanh_int16` for an argument in units of 2^scale_power.

    Source: TFLM tensorflow/lite/micro/kernels/lstm_eval.cc, `Tanh`.
    """
    left = 12 + scale_power
    return (3 << left, 0) if left >= 0 else (3, -left)


def factors(scale: float, *, hyperbolic: bool) -> tuple[int, int]:
    """(multiplier, shift) of `sigmoid_int16` or `tanh_int16` for an argument in units of `scale`.

    A scale of 2^-12 (and of 2^-11 for tanh), within a thousandth of its logarithm, is taken as
    exact. Others become 14 bits or more of scale * 3 * 4096, the rest cut off. Source: TFLM
    tensorflow/lite/micro/kernels/logistic_common.cc, tanh.cc.

    Args:
        scale: a float32 value from 2^-27 to 2.
        hyperbolic: for tanh.
    """
    power = math.log2(scale)
    left = 12 + round(power)
    if abs(power - round(power)) < 1e-3 and 0 <= left <= (1 if hyperbolic else 0):
        return 3 << left, 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    return int(multiplier), shift
