"""McNemar's exact test against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convert.errors import SpecError
from train.paired import Paired, mcnemar, pair


@pytest.mark.parametrize(
    ("lost", "won", "expected"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),  # 2 * 1/2
        (5, 0, 2 / 32),
        (6, 1, 2 * (1 + 7) / 128),
        (1, 6, 2 * (1 + 7) / 128),
        (10, 2, 2 * (1 + 12 + 66) / 4096),
    ],
)
def test_p_value_is_the_binomial_tail(lost: int, won: int, expected: float) -> None:
    assert mcnemar(lost, won) == expected


def test_many_clips_do_not_overflow() -> None:
    # The normal approximation with continuity correction, good to a few percent so far out.
    z = (abs(1100 - 900) - 1) / math.sqrt(2000)
    assert mcnemar(1100, 900) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.05)
    assert mcnemar(5000, 5000) == 1.0


def test_counts_only_clips_on_which_models_part() -> None:
    first = np.array([True, True, False, False, True])
    second = np.array([True, False, True, False, False])
    found = pair(first, second)
    assert found == Paired(lost=2, won=1)
    assert found + Paired(1, 0) == Paired(3, 1)
    assert found.p_value == mcnemar(2, 1)


def test_refuses_other_clips_and_negative_counts() -> None:
    with pytest.raises(SpecError, match="same clips"):
        pair(np.array([True]), np.array([True, False]))
    with pytest.raises(SpecError, match="0 or more"):
        mcnemar(-1, 2)
