"""int16 arithmetic, worked out by hand; that it is TFLite Micro's, tests/wide_cases.py shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convert.fixedpoint_wide import (
    exp_table,
    look_up,
    multiply_wide_by_quantized_multiplier,
    reciprocal_table,
    reduced_multiplier,
)


def test_multipliers_keep_15_bits() -> None:
    given = [2**30, 2**30 + 2**15 - 1, 2**30 + 2**15, 0x7FFEFFFF, 0x7FFF0000, 2**31 - 1, 0]
    assert reduced_multiplier(given).tolist() == [16384, 16384, 16385, 32767, 32767, 32767, 0]


@pytest.mark.parametrize(
    ("x", "multiplier", "shift", "expected"),
    [
        (5, 2**30, 0, 3),  # 2.5: halves go up
        (-5, 2**30, 0, -2),
        (-5, 2**30, 1, -5),
        (3, 2**30, 7, 192),
        (2**46, 2**30, -31, 16384),
        (-(2**46) - 2**31, 2**30, -31, -16384),  # 16384.5, upwards
        (1 << 40, 2**31 - 1, -20, (32767 << 5)),  # 32767 / 32768 is as near to 1 as it gets
    ],
)
def test_wide_products(x: int, multiplier: int, shift: int, expected: int) -> None:
    assert int(multiply_wide_by_quantized_multiplier(x, multiplier, shift)) == expected


def test_tables_are_near_their_functions() -> None:
    """Steps of 1/32768. The last sample stands 1/128 of an interval behind the last value, so that
    exp(0) comes out as 32762: by a slope of 634 per interval, 5 steps too small."""
    x = np.arange(-32768, 32768)
    exact = np.exp(-10 * (32767 - x) / 65535)
    assert np.abs(look_up(x, exp_table()) / 32768 - exact).max() < 7 / 32768
    exact = 1 / (1 + (x + 32768) / 65535)
    assert np.abs(look_up(x, reciprocal_table()) / 32768 - exact).max() < 2 / 32768
    assert exp_table().shape == reciprocal_table().shape == (513,)
    assert exp_table()[512] == 32767 and reciprocal_table()[512] == 16384
    assert math.isclose(exp_table()[0] / 32768, math.exp(-10), abs_tol=2 / 32768)


def test_interpolation() -> None:
    table = np.zeros(513, np.int16)
    table[256:259] = 0, 128, -128
    assert look_up([0, 1, 127, 128, 192, 255], table).tolist() == [0, 1, 127, 128, 0, -126]
