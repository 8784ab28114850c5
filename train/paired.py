"""Two models on the same clips: McNemar's exact test.

Only clips that one model gets right and the other wrong tell the two apart. If both were equally
good, each of these would be as likely to go one way as the other, so their number is binomial with
one half (McNemar 1947; the exact form, not the chi-squared one, because such clips are few).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError


@dataclass(frozen=True)
class Paired:
    """Clips on which two models part.

    Attributes:
        lost: the first model right, the second wrong.
        won: the first model wrong, the second right.
    """

    lost: int
    won: int

    @property
    def p_value(self) -> float:
        """Two-sided; 1 when the models never part."""
        return mcnemar(self.lost, self.won)

    def __add__(self, other: Paired) -> Paired:
        return Paired(self.lost + other.lost, self.won + other.won)


def pair(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
    """Count the clips on which two models part.

    Args:
        first: (n,), whether the first model is right on a clip.
        second: (n,), the same of the second on the same clips.

    Raises:
        SpecError: not the same number of clips.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise SpecError(
            "Models must be compared on the same clips. Received: "
            f"{first.shape} and {second.shape} of them."
        )
    return Paired(int(np.sum(first & ~second)), int(np.sum(~first & second)))


def mcnemar(lost: int, won: int) -> float:
    """The exact two-sided p value: min(1, 2 * sum over i <= min of C(n, i) / 2^n), n = lost + won.

    Exact integers up to the last division.

    Raises:
        SpecError: a negative count.
    """
    if lost < 0 or won < 0:
        raise SpecError(f"Counts must be 0 or more. Received: {lost} and {won}.")
    n = lost + won
    tail = sum(math.comb(n, i) for i in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / 2**n)
