"""A built project's firmware as this machine computes it: posteriors of clips, events of sound."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.detector import DetectorPlan
from simulate.backend import windows
from simulate.hostfrontend import HostFrontEnd
from simulate.listening import detector_plan
from simulate.stream import Result, stream
from wakesmith.built import Built


@dataclass(frozen=True)
class Hearing:
    """Front-end, model and detector of a build, compiled for this machine.

    Attributes:
        built: the project.
    """

    built: Built

    @functools.cached_property
    def ears(self) -> HostFrontEnd:
        """The front-end."""
        return HostFrontEnd(self.built.project.frontend)

    @functools.cached_property
    def plan(self) -> DetectorPlan:
        """The detector."""
        project = self.built.project
        return detector_plan(
            self.built.graph,
            self.built.data.classes,
            project.frontend,
            words=project.project.words,
            detect=project.detect,
        )

    def posteriors(self, features: NDArray[np.int8]) -> NDArray[np.int8]:
        """(windows, frames, width) int8 -> (windows, classes) int8."""
        shape = self.built.graph.tensors[self.built.graph.inputs[0]].shape
        found = self.built.host.predict(windows(features, shape))
        return np.asarray(found, np.int8).reshape(len(features), -1)

    def clip(self, pcm: NDArray[np.int16]) -> tuple[int, ...]:
        """Posteriors of the last window of (samples,) int16, a window or more."""
        hop = self.built.project.frontend.hop
        frames = self.built.project.frontend.frames(self.built.project.samples)
        features = self.ears.features(pcm[np.newaxis, : pcm.size // hop * hop])
        return tuple(map(int, self.posteriors(features[:, -frames:])[0]))

    def stream(self, pcm: NDArray[np.int16]) -> tuple[Result, ...]:
        """All results and events of (samples,) int16."""
        project = self.built.project
        return stream(
            pcm,
            project.frontend,
            self.plan,
            window=project.samples,
            ears=self.ears,
            posteriors=self.posteriors,
        )
