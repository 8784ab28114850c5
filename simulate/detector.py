"""The detector of firmware/app/ws_detector.c, event for event: docs/SPEC.md, "Detector"."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector import DetectorPlan


@dataclass(frozen=True)
class Event:
    """A word that was said.

    Attributes:
        milliseconds: end of the window that decided.
        index: of the word among the model's outputs.
        score: the average, from 0 up, in steps of the output's scale.
        label: the word.
    """

    milliseconds: int
    index: int
    score: int
    label: str

    def __str__(self) -> str:
        """As the firmware prints it."""
        return f"event {self.milliseconds} {self.index} {self.score} {self.label}"


class DetectorTwin:
    """Takes results of the model one after another.

    Args:
        plan: thresholds and times.
    """

    def __init__(self, plan: DetectorPlan) -> None:
        self.plan = plan
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._held: deque[NDArray[np.int64]] = deque(maxlen=self.plan.average)
        self._pause = 0
        self._last = -1

    def push(self, scores: NDArray[np.int8]) -> tuple[int, int] | None:
        """(classes,) int8 -> (index of the word that was said, its average), or None."""
        plan = self.plan
        self._held.append(scores.astype(np.int64) - plan.zero_point)
        sums = np.sum(self._held, axis=0)
        best = int(np.argmax(sums))
        if self._last >= 0 and sums[self._last] < plan.release[self._last]:
            self._last = -1
        if self._pause > 0:
            self._pause -= 1
            return None
        if len(self._held) < plan.average or best == self._last:
            return None
        if sums[best] < plan.threshold[best]:
            return None
        self._last = best
        self._pause = plan.pause
        return best, int(sums[best]) // plan.average
