"""The one interface of all back ends: int8 in, every layer's tensor out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.graph import Graph

Trace = dict[int, NDArray[np.generic]]
"""Tensor index in the .tflite -> values of shape (batch, *tensor shape without its leading 1)."""


def clip_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape for one clip: without its leading 1, unchanged when it has none."""
    return shape[1:] if shape and shape[0] == 1 else shape


def empty_trace(graph: Graph, tensors: Sequence[int]) -> Trace:
    """What a back end that shows `tensors` returns for no clips at all."""
    return {
        index: np.empty(
            (0, *clip_shape(graph.tensors[index].shape)), np.dtype(graph.tensors[index].dtype)
        )
        for index in tensors
    }


class Backend(Protocol):
    """Runs one model. Implementations: `reference`, `tflm`, `host`, `cortex-m`."""

    name: str

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype.

        Returns:
            Values of every tensor that this back end can show; the graph outputs are always there.
        """
        ...


class FeatureBackend(Protocol):
    """Computes features of clips; implemented by `reference`, `host` and `cortex-m`."""

    name: str

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        """(batch, clip samples) int16 at 16 kHz -> (batch, frames, bands) int8."""
        ...
