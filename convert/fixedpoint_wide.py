"""Integer arithmetic of TFLite Micro's int16 kernels, beside `convert.fixedpoint`.

Sums of int16 x int8 products are kept in 64 bits, and are rescaled with a multiplier of 15 bits.
Functions of one variable are tables of 512 intervals with linear interpolation. "TFLM" is
tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convert import fixedpoint as fp

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
STEPS = 512  # intervals of a table; it has one entry more


def reduced_multiplier(multiplier: ArrayLike) -> NDArray[np.int64]:
    """A Q0.31 multiplier to 15 fractional bits: to the nearest, halves up, at most 32767.

    Source: TFLM kernels/internal/common.cc, `MultiplyByQuantizedMultiplier(int64_t, ...)`.
    """
    wide = np.asarray(multiplier, np.int64)
    return np.where(wide < 0x7FFF0000, (wide + (1 << 15)) >> 16, 0x7FFF).astype(np.int64)


def multiply_wide_by_quantized_multiplier(
    x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike
) -> fp.Int32Array:
    """Return x * multiplier / 2^31 * 2^shift for sums of 64 bits, rounded once, halves up.

    (x * reduced + 2^(14 - shift)) >> (15 - shift), low 32 bits. Source: as `reduced_multiplier`.

    Args:
        x: integers below 2^47 in magnitude.
        multiplier: Q0.31, of at least 0; broadcasts against x.
        shift: left shift, negative to the right, in [-31, 7]; broadcasts against x.
    """
    right = 15 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * reduced_multiplier(multiplier)
    return ((product + (np.int64(1) << (right - 1))) >> right).astype(np.int32)


def look_up(x: ArrayLike, table: NDArray[np.int16]) -> NDArray[np.int64]:
    """A function of an int16 value: the upper 9 bits choose an interval, the lower 7 interpolate.

    base + (slope * low + 64) >> 7. Source: TFLM kernels/internal/common.h, `LUTLookup(int16_t)`.

    Args:
        x: int16 values.
        table: 513 entries.
    """
    wide = np.asarray(x, np.int64)
    entries = table.astype(np.int64)
    place = 256 + (wide >> 7)
    base = entries[place]
    return base + (((entries[place + 1] - base) * (wide & 127) + 64) >> 7)


@cache
def exp_table() -> NDArray[np.int16]:
    """exp(-10 * (32767 - x) / 65535) in Q0.15 at x = -32768, -32640, ... 32768.

    exp(-10) counts as nothing. Source: TFLM micro/kernels/softmax_common.cc,
    `InitializeLutForInt16`.
    """
    return _table(np.float32(10) / np.float32(65535), INT16_MAX, math.exp)


@cache
def reciprocal_table() -> NDArray[np.int16]:
    """1 / (1 + f) in Q0.15 for f = (x + 32768) / 65535. Source: as `exp_table`."""
    return _table(np.float32(1) / np.float32(65535), INT16_MIN, lambda f: 1 / (1 + f))


def _table(
    scale: np.float32, zero_point: int, function: Callable[[float], float]
) -> NDArray[np.int16]:
    """Samples of `function` at the ends of 512 intervals, moved to lessen the error between them.

    At the middle of an interval, interpolation is off by some amount; half of it is taken from the
    interval's first sample. All in float32. Source: TFLM kernels/internal/common.h,
    `LUTPopulateInt16`.
    """
    one = np.float32
    low, high = scale * one(INT16_MIN - zero_point), scale * one(INT16_MAX - zero_point)
    step = (high - low) / one(STEPS)
    unit = one(2) / one(65535)
    per_unit = one(65536) / (unit * one(INT16_MAX) - unit * one(INT16_MIN))

    def sample(x: np.float32) -> np.float32:
        return one(function(float(x))) * per_unit

    def rounded(x: np.float32) -> np.float32:
        return one(fp.round_half_away(float(x)))

    values = []
    for i in range(STEPS):
        start = low + one(i) * step
        first = rounded(sample(start))
        middle = rounded((sample(low + one(i + 1) * step) + first) / one(2))
        error = middle - rounded(sample(start + step / one(2)))
        values.append(first - rounded(error / one(2)))
    values.append(rounded(sample(high)))
    table: NDArray[np.int16] = np.clip(values, INT16_MIN, INT16_MAX).astype(np.int16)
    table.flags.writeable = False
    return table
