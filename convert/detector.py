"""From posteriors to events: the settings, and the integers that firmware and simulator share.

The rules are in docs/SPEC.md ("Detector"); firmware/app/ws_detector.c and simulate/detector.py
carry them out, equal event for event.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from convert.errors import SpecError

NEVER = 2**31 - 1
"""Threshold of a class that is no word."""

_MOST_AVERAGE = 32


@dataclass(frozen=True)
class Detector:
    """`[detect]` of a project file.

    Attributes:
        every_ms: time between two runs of the model, a multiple of the front-end's hop.
        average: results of the model that are averaged.
        threshold: least average posterior of a word, above 0 and at most 1.
        thresholds: word -> threshold of its own.
        release: an utterance is over when its word's average falls below this share of the
            threshold; until then the word does not count again.
        refractory_ms: time after an event in which there is no other.
    """

    every_ms: int = 100
    average: int = 3
    threshold: float = 0.6
    thresholds: Mapping[str, float] = field(default_factory=dict)
    release: float = 0.5
    refractory_ms: int = 500

    def __post_init__(self) -> None:
        for name, low, high in (
            ("every_ms", 1, 10_000),
            ("average", 1, _MOST_AVERAGE),
            ("refractory_ms", 0, 60_000),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise SpecError(
                    f"{name} must be a whole number from {low} to {high}. Received: {value!r}."
                )
        _share("threshold", self.threshold)
        _share("release", self.release)
        for word, threshold in self.thresholds.items():
            _share(f"thresholds.{word}", threshold)

    def check(self, words: Collection[str], hop_ms: int) -> None:
        """Refuse settings that do not go with a model's words and its front-end's hop.

        Raises:
            SpecError: every_ms is no multiple of the hop, or a threshold is for no word.
        """
        if self.every_ms % hop_ms:
            raise SpecError(
                f"detect.every_ms must be a multiple of the front-end's hop, {hop_ms} ms. "
                f"Received: {self.every_ms}."
            )
        for word in self.thresholds:
            if word not in words:
                raise SpecError(
                    "detect.thresholds must be for words of the project "
                    f"({', '.join(words)}). Received: {word!r}."
                )

    def plan(
        self,
        labels: Sequence[str],
        words: Collection[str],
        *,
        hop_ms: int,
        scale: float,
        zero_point: int,
    ) -> DetectorPlan:
        """The integers for one model.

        Args:
            labels: of the model's outputs, in their order.
            words: those that make events.
            hop_ms: the front-end's hop.
            scale: of the model's int8 output; a posterior is scale * (q - zero_point).
            zero_point: of the model's int8 output.

        Raises:
            SpecError: as for `check`.
        """
        self.check(words, hop_ms)
        steps = Fraction(scale)

        def least(share: Fraction) -> int:
            """Least sum of `average` values that reaches a share, at least 1."""
            return max(1, math.ceil(share * self.average / steps))

        own = [Fraction(str(self.thresholds.get(label, self.threshold))) for label in labels]
        release = Fraction(str(self.release))
        return DetectorPlan(
            labels=tuple(labels),
            every=self.every_ms // hop_ms,
            average=self.average,
            pause=-(-self.refractory_ms // self.every_ms),
            threshold=tuple(
                least(t) if label in words else NEVER for label, t in zip(labels, own, strict=True)
            ),
            release=tuple(
                least(t * release) if label in words else NEVER
                for label, t in zip(labels, own, strict=True)
            ),
            zero_point=zero_point,
        )


@dataclass(frozen=True)
class DetectorPlan:
    """What `Detector.plan` gives.

    Attributes:
        labels: of the model's outputs.
        every: hops between two runs of the model.
        average: results in a moving average.
        pause: results that are ignored after an event.
        threshold: for each output, the least sum of `average` values (q - zero_point) that makes an
            event; NEVER where the output is no word.
        release: for each output, the sum below which an utterance is over.
        zero_point: of the model's output.
    """

    labels: tuple[str, ...]
    every: int
    average: int
    pause: int
    threshold: tuple[int, ...]
    release: tuple[int, ...]
    zero_point: int


def _share(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= 1:  # type: ignore[operator]
        raise SpecError(f"{name} must be above 0 and at most 1. Received: {value!r}.")
