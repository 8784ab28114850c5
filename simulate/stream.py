"""Sound without an end on this machine, as firmware/app/ws_stream.c hears it: docs/SPEC.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector import DetectorPlan
from convert.errors import ModelError
from convert.frontend import FrontEnd
from simulate.backend import FeatureBackend
from simulate.detector import DetectorTwin, Event

Posteriors = Callable[[NDArray[np.int8]], NDArray[np.int8]]
"""Features (windows, frames, width) -> (windows, classes)."""

_BLOCK = 256  # windows at once


@dataclass(frozen=True)
class Result:
    """One run of the model.

    Attributes:
        milliseconds: end of its window.
        scores: int8, one per class.
        event: what the detector made of it.
    """

    milliseconds: int
    scores: tuple[int, ...]
    event: Event | None

    def lines(self) -> tuple[str, ...]:
        """As the firmware prints it during `inject ... stream`."""
        told = f"scores {self.milliseconds} " + " ".join(map(str, self.scores))
        return (told, str(self.event)) if self.event else (told,)


def stream(
    pcm: NDArray[np.int16],
    fe: FrontEnd,
    plan: DetectorPlan,
    *,
    window: int,
    ears: FeatureBackend,
    posteriors: Posteriors,
) -> tuple[Result, ...]:
    """Every result of the model in a recording.

    Args:
        pcm: (samples,) int16 at the front-end's rate; samples after the last whole hop are not
            heard.
        fe: the front-end.
        plan: of the detector.
        window: samples of the model's window.
        ears: computes features.
        posteriors: runs the model.

    Raises:
        ModelError: `pcm` is not int16 of one dimension.
    """
    if pcm.ndim != 1 or pcm.dtype != np.int16:
        raise ModelError(
            f"Sound must be int16 of shape (samples,). Received: {pcm.dtype} of {pcm.shape}."
        )
    frames = fe.frames(window)
    heard = (frames - 1 + -(-fe.window // fe.hop)) * fe.hop  # hops that touch a window
    step = plan.every * fe.hop
    ends = np.arange(step, pcm.size + 1, step)
    stuck = _equal_before(pcm)[ends - 1] >= fe.sample_rate
    due = ends[~stuck & (ends >= heard)]
    scores: dict[int, NDArray[np.int8]] = {}
    for first in range(0, len(due), _BLOCK):
        block = due[first : first + _BLOCK]
        clips = np.stack([pcm[end - heard : end] for end in block])
        features = ears.features(clips)[:, -frames:]
        scores |= zip(map(int, block), posteriors(features), strict=True)
    detector = DetectorTwin(plan)
    results = []
    for end, silent in zip(ends.tolist(), stuck.tolist(), strict=True):
        if silent:
            detector.reset()
        if end not in scores:
            continue
        milliseconds = end // (fe.sample_rate // 1000)
        said = detector.push(scores[end])
        event = None if said is None else Event(milliseconds, *said, plan.labels[said[0]])
        results.append(Result(milliseconds, tuple(map(int, scores[end])), event))
    return tuple(results)


def _equal_before(pcm: NDArray[np.int16]) -> NDArray[np.int64]:
    """How many samples in a row, each itself included, equal each sample."""
    if pcm.size == 0:
        return np.zeros(0, np.int64)
    places = np.arange(pcm.size)
    begins = np.concatenate([[True], pcm[1:] != pcm[:-1]])
    return np.asarray(places - np.maximum.accumulate(np.where(begins, places, 0)) + 1)
