"""Primitives against their definitions in exact rational arithmetic, with Hypothesis."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert import fixedpoint as fp

INT32 = st.integers(-(2**31), 2**31 - 1)
EDGES = [-(2**31), -(2**31) + 1, -(2**30), -3, -2, -1, 0, 1, 2, 3, 2**30, 2**31 - 2, 2**31 - 1]
MULTIPLIER = st.one_of(st.integers(2**30, 2**31 - 1), st.sampled_from([0, 2**30, 2**31 - 1]))


def half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def half_away(x: Fraction) -> int:
    return half_up(x) if x >= 0 else -half_up(-x)


def truncated(numerator: int, denominator: int) -> int:
    return abs(numerator) // denominator * (1 if numerator >= 0 else -1)


def wrapped(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


@given(INT32, INT32)
def test_high_mul_is_gemmlowps_formula(a: int, b: int) -> None:
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    expected = min(truncated(a * b + nudge, 2**31), 2**31 - 1)
    assert fp.saturating_rounding_doubling_high_mul(a, b) == expected
    assert expected == min(half_up(Fraction(a * b, 2**31)), 2**31 - 1)


@pytest.mark.parametrize("a", EDGES)
@pytest.mark.parametrize("b", EDGES)
def test_high_mul_at_the_edges(a: int, b: int) -> None:
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    expected = min(truncated(a * b + nudge, 2**31), 2**31 - 1)
    assert fp.saturating_rounding_doubling_high_mul(a, b) == expected


@given(st.one_of(INT32, st.sampled_from(EDGES)), st.integers(0, 31))
def test_divide_by_pot_rounds_halves_away(x: int, exponent: int) -> None:
    assert fp.rounding_divide_by_pot(x, exponent) == half_away(Fraction(x, 2**exponent))


@given(INT32, MULTIPLIER, st.integers(-31, 30))
def test_multiply_rounds_twice(x: int, multiplier: int, shift: int) -> None:
    shifted = wrapped(x << max(shift, 0))
    high = min(half_up(Fraction(shifted * multiplier, 2**31)), 2**31 - 1)
    expected = half_away(Fraction(high, 2 ** max(-shift, 0)))
    assert fp.multiply_by_quantized_multiplier(x, multiplier, shift) == expected


@given(st.integers(-(2**20), 2**20), MULTIPLIER, st.integers(-31, 8))
def test_multiply_rounds_once(x: int, multiplier: int, shift: int) -> None:
    expected = half_up(Fraction(x * multiplier, 2**31) * Fraction(2) ** shift)
    assert fp.multiply_by_quantized_multiplier_single(x, multiplier, shift) == expected


def test_the_two_roundings_differ_at_a_tie() -> None:
    assert fp.multiply_by_quantized_multiplier(-1, 2**30, 0) == 0
    assert fp.multiply_by_quantized_multiplier(-1, 2**30, -1) == 0
    assert fp.multiply_by_quantized_multiplier(-2, 2**30, -1) == -1
    assert fp.multiply_by_quantized_multiplier_single(-2, 2**30, -1) == 0


@given(st.floats(2.0**-31, 2.0**30))
def test_quantized_multiplier_is_within_half_a_step(real: float) -> None:
    multiplier, shift = fp.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    exact = Fraction(real) / Fraction(2) ** shift * 2**31
    assert abs(multiplier - exact) <= Fraction(1, 2)


def test_quantized_multiplier_at_the_edges() -> None:
    assert fp.quantize_multiplier(0.0) == (0, 0)
    assert fp.quantize_multiplier(1.0) == (2**30, 1)
    assert fp.quantize_multiplier(0.5) == (2**30, 0)
    assert fp.quantize_multiplier(math.nextafter(1.0, 0.0)) == (2**30, 1)
    assert fp.quantize_multiplier(2.0**-33) == (0, 0)
    for bad in (-0.5, math.inf, math.nan):
        with pytest.raises(ValueError, match="at least 0"):
            fp.quantize_multiplier(bad)


@given(INT32, INT32)
def test_half_sum(a: int, b: int) -> None:
    assert fp.rounding_half_sum(a, b) == half_away(Fraction(a + b, 2))


@given(st.integers(0, 2**32 - 1))
def test_leading_zeros(x: int) -> None:
    assert fp.count_leading_zeros(x) == 32 - x.bit_length()


@given(st.integers(-(10**6), 10**6), st.integers(1, 5000))
def test_average_rounds_halves_away(x: int, divisor: int) -> None:
    sign = 1 if x > 0 else -1
    assert fp.divide_half_away(x, divisor) == truncated(x + sign * (divisor // 2), divisor)


@pytest.mark.parametrize("bits", [0, 4, 5])
def test_exponential_is_close(bits: int) -> None:
    raw = -np.unique(np.random.default_rng(0).integers(0, 2**31, 20000))
    real = raw / 2.0 ** (31 - bits)
    error = fp.exp_on_negative_values(raw, bits) / 2.0**31 - np.exp(real)
    assert np.abs(error).max() < 1e-6
    assert fp.exp_on_negative_values(0, bits) == 2**31 - 1


def test_logistic_and_reciprocals_are_close() -> None:
    raw = np.random.default_rng(1).integers(-(2**31) + 1, 2**31, 20000)
    real = raw / 2.0**27
    error = fp.logistic(raw, 4) / 2.0**31 - 1 / (1 + np.exp(-real))
    assert np.abs(error).max() < 1e-6
    assert fp.logistic(0, 4) == 2**30
    x = np.random.default_rng(2).integers(0, 2**31, 20000)
    error = fp.one_over_one_plus_x(x) / 2.0**31 - 1 / (1 + x / 2.0**31)
    assert np.abs(error).max() < 1e-8
    scale, lacking = fp.get_reciprocal(x + 1, 12)
    found = scale / 2.0**31 / 2.0**lacking
    assert np.abs(found * ((x + 1) / 2.0**19) - 1).max() < 1e-7


def test_exponential_refuses_wide_formats() -> None:
    with pytest.raises(ValueError, match="0 to 5"):
        fp.exp_on_negative_values(0, 6)
