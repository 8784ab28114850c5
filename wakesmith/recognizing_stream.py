"""What `wakesmith recognize --stream` does: the events of recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from convert.detector import NEVER, DetectorPlan
from simulate.stream import Result
from train.audio import read_clip
from wakesmith.built import open_built
from wakesmith.hearing import Hearing


def recognize_streams(
    project: Path, recordings: Sequence[Path], *, out: Path | None, say: Callable[[str], object]
) -> None:
    """Print the words that the firmware detects, with their times, as this machine computes them.

    Args:
        project: project file.
        recordings: WAV or FLAC files of any rate and length.
        out: build folder.
        say: prints a line.

    Raises:
        UserError: the project is not built, or a recording cannot be used.
    """
    hearing = Hearing(open_built(project, out))
    heard = [(path, read_clip(path).pcm) for path in recordings]
    for path, pcm in heard:
        if len(heard) > 1:
            say(f"{path}:")
        results = hearing.stream(pcm)
        events = [result.event for result in results if result.event]
        for event in events:
            # The model's output is a softmax with scale 1/256.
            say(f"{event.milliseconds / 1000:8.2f} s  {event.label} {event.score / 256:.1%}")
        if not events:
            say(_no_word(results, hearing.plan))


def _no_word(results: Sequence[Result], plan: DetectorPlan) -> str:
    """That there was none, and what came closest to its threshold."""
    if len(results) < plan.average:
        return "no word: the recording is too short for the model and the detector's average"
    best = (0.0, 0, 0, 0)
    for last in range(plan.average - 1, len(results)):
        averaged = results[last + 1 - plan.average : last + 1]
        sums = np.sum([r.scores for r in averaged], axis=0) - plan.average * plan.zero_point
        for index, least in enumerate(plan.threshold):
            if least != NEVER:
                share = float(sums[index]) / least
                best = max(best, (share, index, int(sums[index]), results[last].milliseconds))
    _, index, total, milliseconds = best
    steps = 256 * plan.average
    return (
        f"no word; closest was {plan.labels[index]} at {milliseconds / 1000:.2f} s with "
        f"{total / steps:.1%}, an event takes {plan.threshold[index] / steps:.1%} ([detect])"
    )
