"""Integer arithmetic of TFLite Micro's reference kernels, as NumPy definitions.

Names follow the C++ functions so that each can be laid beside its source. "TFLM" below is
tensorflow/tflite-micro, "gemmlowp" is google/gemmlowp `fixedpoint/fixedpoint.h`. Everything takes
integers or integer arrays holding int32 values and returns int32 arrays, unless stated otherwise;
products are formed in int64. `Qm.n` means m integer bits and n fractional bits beside the sign.

TFLM is built without TFLITE_SINGLE_ROUNDING, so a product by a quantized multiplier is rounded
twice; `multiply_by_quantized_multiplier_single` is the other form, which LiteRT uses in places.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int32Array = NDArray[np.int32]

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)


def _wide(x: ArrayLike) -> NDArray[np.int64]:
    """Any integers as int64."""
    return np.asarray(x, dtype=np.int64)


def _narrow(x: NDArray[np.int64]) -> Int32Array:
    """int64 to int32, keeping the low 32 bits (two's complement), as the compiled kernels do."""
    return x.astype(np.int32)


def round_half_away(x: float) -> int:
    """Nearest integer, halves away from zero: C's `round`.

    Exact for |x| < 2^52, where x + 0.5 loses no bit that decides.
    """
    return math.floor(x + 0.5) if x >= 0 else -math.floor(-x + 0.5)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real factor as a Q0.31 integer and a power of two: real ~ multiplier / 2^31 * 2^shift.

    Source: TFLM tensorflow/lite/kernels/internal/quantization_util.cc, `QuantizeMultiplier`.

    Args:
        real: Factor of at least 0, float64.

    Returns:
        (multiplier, shift): multiplier 0 or in [2^30, 2^31), shift positive to the left. Factors
        below about 2^-31 become (0, 0).

    Raises:
        ValueError: the factor is negative, infinite or not a number.
    """
    if not math.isfinite(real) or real < 0:
        raise ValueError(f"A multiplier must be a finite number of at least 0. Received: {real}.")
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    fixed = round_half_away(fraction * 2.0**31)
    if fixed == 1 << 31:
        fixed //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return fixed, shift


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> Int32Array:
    """The product of two Q0.31 numbers, rounded to the nearest, halves towards +inf.

    (a * b + nudge) / 2^31 truncated towards zero, nudge = 2^30 for products of at least 0, else
    1 - 2^30. Only INT32_MIN * INT32_MIN saturates. Source: gemmlowp,
    `SaturatingRoundingDoublingHighMul(int32, int32)` (Arm's VQRDMULH).

    The truncated division is written as an arithmetic shift: for p >= 0 it is (p + 2^30) >> 31; for
    p < 0, trunc((p + 1 - 2^30) / 2^31) = (p + 1 - 2^30 + 2^31 - 1) >> 31 = (p + 2^30) >> 31.
    So both signs reduce to floor(p / 2^31 + 1/2).
    """
    product = _wide(a) * _wide(b)
    return _narrow(np.minimum((product + (1 << 30)) >> 31, INT32_MAX))


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> Int32Array:
    """Divide by 2^exponent to the nearest integer, halves away from zero; exponent in [0, 31].

    Source: gemmlowp, `RoundingDivideByPOT`.
    """
    wide = _wide(x)
    power = _wide(exponent)
    mask = (np.int64(1) << power) - 1
    remainder = wide & mask
    threshold = (mask >> 1) + (wide < 0)
    return _narrow((wide >> power) + (remainder > threshold))


def saturating_rounding_multiply_by_pot(x: ArrayLike, exponent: int) -> Int32Array:
    """Multiply by 2^exponent: saturating upwards, rounding halves away from zero downwards.

    Source: gemmlowp, `SaturatingRoundingMultiplyByPOT`.
    """
    if exponent <= 0:
        return rounding_divide_by_pot(x, -exponent)
    return _narrow(np.clip(_wide(x) << exponent, INT32_MIN, INT32_MAX))


def multiply_by_quantized_multiplier(
    x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike
) -> Int32Array:
    """Return x * multiplier / 2^31 * 2^shift in TFLM's form, rounded twice.

    rounding_divide_by_pot(srdhm(x * 2^max(shift, 0), multiplier), max(-shift, 0)). Source: TFLM
    tensorflow/lite/kernels/internal/common.cc, `MultiplyByQuantizedMultiplier(int32_t, ...)`, the
    branch without TFLITE_SINGLE_ROUNDING. All operators of TFLM that rescale use this one; the left
    shift wraps at 32 bits (undefined in C; no sound model reaches it).

    Args:
        x: int32 values.
        multiplier: Q0.31, of at least 0; broadcasts against x.
        shift: Left shift, negative to the right, in [-31, 30]; broadcasts against x.
    """
    power = _wide(shift)
    shifted = _narrow(_wide(x) << np.maximum(power, 0))
    high = saturating_rounding_doubling_high_mul(shifted, multiplier)
    return rounding_divide_by_pot(high, np.maximum(-power, 0))


def multiply_by_quantized_multiplier_single(
    x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike
) -> Int32Array:
    """Return x * multiplier / 2^31 * 2^shift rounded once, halves towards +inf.

    (x * multiplier + 2^(30 - shift)) >> (31 - shift). Source: TFLM
    tensorflow/lite/kernels/internal/common.cc, the branch with TFLITE_SINGLE_ROUNDING. TFLM as
    released never uses it; it is here to say where LiteRT differs.
    """
    total = 31 - _wide(shift)
    return _narrow((_wide(x) * _wide(multiplier) + (np.int64(1) << (total - 1))) >> total)


def rounding_half_sum(a: ArrayLike, b: ArrayLike) -> Int32Array:
    """(a + b) / 2, halves away from zero. Source: gemmlowp, `RoundingHalfSum(int32, int32)`."""
    total = _wide(a) + _wide(b)
    magnitude = (np.abs(total) + 1) >> 1
    return _narrow(np.where(total < 0, -magnitude, magnitude))


def exp_between_minus_quarter_and_0(a: ArrayLike) -> Int32Array:
    """exp(a) for a in [-1/4, 0), Q0.31 to Q0.31: fourth-order Taylor expansion around -1/8.

    Source: gemmlowp, `exp_on_interval_between_negative_one_quarter_and_0_excl`.
    """
    mul = saturating_rounding_doubling_high_mul
    constant_term = 1895147668  # exp(-1/8)
    one_third = 715827883
    x = _narrow(_wide(a) + (1 << 28))
    x2 = mul(x, x)
    x3 = mul(x2, x)
    x4 = mul(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    inner = mul(_narrow(_wide(x4_over_4) + x3), one_third)
    polynomial = rounding_divide_by_pot(_narrow(_wide(inner) + x2), 1)
    product = mul(constant_term, _narrow(_wide(x) + polynomial))
    return _narrow(constant_term + _wide(product))


_EXP_BARREL = (
    (-2, 1672461947),  # exp(-1/4)
    (-1, 1302514674),  # exp(-1/2)
    (0, 790015084),  # exp(-1)
    (1, 290630308),  # exp(-2)
    (2, 39332535),  # exp(-4)
    (3, 720401),  # exp(-8)
    (4, 242),  # exp(-16)
)


def exp_on_negative_values(a: ArrayLike, integer_bits: int) -> Int32Array:
    """exp(a) for a <= 0: Q(integer_bits).(31 - integer_bits) to Q0.31; exp(0) is 2^31 - 1.

    Source: gemmlowp, `exp_on_negative_values`. integer_bits at most 5 (its clamp for wider formats
    is not needed by any operator here).
    """
    if not 0 <= integer_bits <= 5:
        raise ValueError(f"integer_bits must be 0 to 5. Received: {integer_bits}.")
    fractional = 31 - integer_bits
    wide = _wide(a)
    quarter = np.int64(1) << (fractional - 2)
    low = (wide & (quarter - 1)) - quarter  # a modulo 1/4, minus 1/4
    result = exp_between_minus_quarter_and_0(saturating_rounding_multiply_by_pot(low, integer_bits))
    remainder = low - wide
    for exponent, factor in _EXP_BARREL:
        if integer_bits > exponent:
            bit = np.int64(1) << (fractional + exponent)
            scaled = saturating_rounding_doubling_high_mul(result, factor)
            result = np.where(remainder & bit, scaled, result).astype(np.int32)
    return np.where(wide == 0, INT32_MAX, result).astype(np.int32)


def _two_over_one_plus_x(a: ArrayLike) -> Int32Array:
    """2 / (1 + a) for a in [0, 1], Q0.31 to Q2.29: three Newton-Raphson steps from 48/17, 32/17."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = rounding_half_sum(a, INT32_MAX)
    # x has 2 integer bits: 48/17 - 32/17 * half_denominator.
    x = _narrow(1515870810 + _wide(mul(half_denominator, -1010580540)))
    for _ in range(3):
        product = mul(half_denominator, x)
        one_minus = _narrow((1 << 29) - _wide(product))
        # x * one_minus has 4 integer bits; back to 2.
        step = saturating_rounding_multiply_by_pot(mul(x, one_minus), 2)
        x = _narrow(_wide(x) + step)
    return x


def one_over_one_plus_x(a: ArrayLike) -> Int32Array:
    """1 / (1 + a) for a in [0, 1), Q0.31 to Q0.31.

    Source: gemmlowp, `one_over_one_plus_x_for_x_in_0_1`.
    """
    # Half of 2 / (1 + a) has 1 integer bit; rescaled to 0.
    return saturating_rounding_multiply_by_pot(_two_over_one_plus_x(a), 1)


def logistic(a: ArrayLike, integer_bits: int) -> Int32Array:
    """1 / (1 + exp(-a)): Q(integer_bits).(31 - integer_bits) to Q0.31.

    Source: gemmlowp, `logistic`. Negative arguments use 1 - logistic(-a), zero is exactly 2^30.
    """
    wide = _wide(a)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(wide), integer_bits))
    negative = INT32_MAX - _wide(positive)
    result = np.where(wide > 0, positive, negative)
    return np.where(wide == 0, 1 << 30, result).astype(np.int32)


def tanh(a: ArrayLike, integer_bits: int) -> Int32Array:
    """Hyperbolic tangent of Q(integer_bits).(31 - integer_bits), to Q0.31; odd, and 0 at 0.

    tanh(-b) = -(1 - e) / (1 + e) with e = exp(-2 b), whose argument is the same number with one
    more integer bit; (1 - e) / (1 + e) = 2 / (1 + e) - 1. Source: gemmlowp, `tanh`,
    `one_minus_x_over_one_plus_x_for_x_in_0_1`.
    """
    wide = _wide(a)
    inverse = _wide(_two_over_one_plus_x(exp_on_negative_values(-np.abs(wide), integer_bits + 1)))
    magnitude = saturating_rounding_multiply_by_pot(inverse - (1 << 29), 2).astype(np.int64)
    return _narrow(np.where(wide == 0, 0, np.sign(wide) * magnitude))


def count_leading_zeros(x: ArrayLike) -> NDArray[np.int64]:
    """Leading zero bits of each value as uint32; 32 for 0. Source: TFLM common.h."""
    wide = _wide(x) & 0xFFFFFFFF
    # log2 of an integer below 2^53 is exact enough through frexp: frexp(n)[1] is its bit length.
    return (32 - np.frexp(wide.astype(np.float64))[1]).astype(np.int64)


def get_reciprocal(x: ArrayLike, integer_bits: int) -> tuple[Int32Array, NDArray[np.int64]]:
    """1 / x as a Q0.31 number in (1/2, 1] and the power of two that it lacks.

    Source: TFLM tensorflow/lite/kernels/internal/common.h, `GetReciprocal`.

    Args:
        x: Positive, Q(integer_bits).(31 - integer_bits).
        integer_bits: Integer bits of x.

    Returns:
        (scale, bits): 1 / x = scale / 2^31 / 2^bits.
    """
    wide = _wide(x)
    headroom_plus_one = count_leading_zeros(wide)
    minus_one = ((wide << headroom_plus_one) & 0xFFFFFFFF) - (np.int64(1) << 31)
    return one_over_one_plus_x(minus_one), integer_bits - headroom_plus_one


def divide_half_away(x: ArrayLike, divisor: ArrayLike) -> Int32Array:
    """Divide to the nearest integer, halves away from zero; divisor positive.

    (x + d/2) / d for x > 0, else (x - d/2) / d, truncating. Source: TFLM
    tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, `AveragePool`.
    """
    wide = _wide(x)
    d = _wide(divisor)
    magnitude = (np.abs(wide) + (d >> 1)) // d
    return _narrow(np.where(wide < 0, -magnitude, magnitude))
