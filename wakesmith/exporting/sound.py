"""A sound for the example, and what the library must say when it hears it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector import DetectorPlan
from simulate.backend import windows
from simulate.hostfrontend import HostFrontEnd
from simulate.stream import Result, stream
from wakesmith.built import Built

_BEFORE_MS, _AFTER_MS = 250, 250
"""Milliseconds of silence around the clip: enough for the word to be in several windows."""


@dataclass(frozen=True)
class Sound:
    """A test clip with silence around it.

    Attributes:
        pcm: int16, (samples,), whole hops.
        clip: the clip's name within its source.
        word: what is said in it.
        results: of the model and the detector.
    """

    pcm: NDArray[np.int16]
    clip: str
    word: str
    results: tuple[Result, ...]


def listen(built: Built, plan: DetectorPlan, pcm: NDArray[np.int16]) -> tuple[Result, ...]:
    """What the model and the detector make of a sound, computed on this machine."""
    project = built.project
    shape = built.graph.tensors[built.graph.inputs[0]].shape

    def posteriors(features: NDArray[np.int8]) -> NDArray[np.int8]:
        out = built.host.predict(windows(features, shape))
        return np.asarray(out, np.int8).reshape(len(features), -1)

    return stream(
        pcm,
        project.frontend,
        plan,
        window=project.samples,
        ears=HostFrontEnd(project.frontend),
        posteriors=posteriors,
    )


def choose_sound(built: Built, plan: DetectorPlan, tries: int = 40) -> Sound:
    """The first test clip of a word that makes exactly this word's event, else the first of all.

    Args:
        built: the project.
        plan: the detector's settings.
        tries: clips to look at.
    """
    data, words = built.data, built.project.project.words
    rows = [row for row in built.test_rows() if data.classes[data.labels[row]] in words]
    rows = rows or list(built.test_rows())
    first: Sound | None = None
    for row in rows[:: max(1, len(rows) // tries)]:
        word = data.classes[data.labels[row]]
        pcm = _padded(data.pcm[row], built.project.frontend.hop)
        sound = Sound(pcm, data.paths[row], word, listen(built, plan, pcm))
        if [r.event.label for r in sound.results if r.event] == [word]:
            return sound
        first = first or sound
    assert first is not None
    return first


def _padded(clip: NDArray[np.int16], hop: int) -> NDArray[np.int16]:
    """Silence, the clip, silence; in whole hops."""
    per_ms = 16
    size = clip.size + (_BEFORE_MS + _AFTER_MS) * per_ms
    pcm = np.zeros(-(-size // hop) * hop, np.int16)
    pcm[_BEFORE_MS * per_ms :][: clip.size] = clip
    return pcm
