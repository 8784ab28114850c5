"""The one interface of all back ends: int8 in, every layer's tensor out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.graph import Graph

Trace = dict[int, NDArray[np.generic]]
"""Tensor index in the .tflite -> values of shape (batch, *tensor shape without its leading 1).

Of a model that is run step by step: (batch, steps, *tensor shape without its leading 1).
"""


def clip_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape for one clip: without its leading 1, unchanged when it has none."""
    return shape[1:] if shape and shape[0] == 1 else shape


def empty_trace(graph: Graph, tensors: Sequence[int], steps: tuple[int, ...] = ()) -> Trace:
    """What a back end that shows `tensors` returns for no clips at all; `steps` as of `Batch`."""
    return {
        index: np.empty(
            (0, *steps, *clip_shape(graph.tensors[index].shape)),
            np.dtype(graph.tensors[index].dtype),
        )
        for index in tensors
    }


@dataclass(frozen=True, eq=False)
class Batch:
    """What `Backend.run` was given, checked.

    Attributes:
        data: (clips, steps, *input shape without its leading 1), contiguous.
        lead: (steps,) when the inputs had a dimension of steps, else ().
    """

    data: NDArray[np.generic]
    lead: tuple[int, ...]

    @property
    def clips(self) -> int:
        """How many clips."""
        return len(self.data)

    @property
    def steps(self) -> int:
        """Runs of the model per clip."""
        return int(self.data.shape[1])


def batch_of(
    inputs: NDArray[np.generic], shape: tuple[int, ...], dtype: str, stateful: bool
) -> Batch:
    """Check what a back end shall run.

    Args:
        inputs: (clips, *shape without its leading 1); for a stateful model also (clips, steps,
            *shape without its leading 1).
        shape: of the model's input.
        dtype: of the model's input.
        stateful: whether the model has states.

    Raises:
        ModelError: another shape or type.
    """
    expected = clip_shape(shape)
    stepped = stateful and inputs.ndim == len(expected) + 2 and inputs.shape[1] > 0
    if inputs.shape[1 + stepped :] != expected or inputs.dtype.name != dtype:
        also = f" or (batch, steps, *{expected})" if stateful else ""
        raise ModelError(
            f"Inputs must be {dtype} of shape (batch, *{expected}){also}. Received: "
            f"{inputs.dtype} of {inputs.shape}."
        )
    data = np.ascontiguousarray(inputs)
    if stepped:
        return Batch(data, data.shape[1:2])
    return Batch(data[:, np.newaxis], ())


def windows(features: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Features of whole windows as a model takes them.

    Args:
        features: (clips, frames, width).
        shape: of the model's input. Where it holds fewer frames than a window, the window is cut
            into steps.

    Returns:
        (clips, *shape without its leading 1) or (clips, steps, *shape without its leading 1).

    Raises:
        ModelError: a window is no whole number of inputs.
    """
    expected = clip_shape(shape)
    per_clip, per_input = math.prod(features.shape[1:]), math.prod(expected)
    if features.ndim != 3 or per_input == 0 or per_clip % per_input:
        raise ModelError(
            f"Features must fill inputs of shape {expected}. Received: {features.shape}."
        )
    steps = per_clip // per_input
    width = features.shape[2]
    if steps > 1 and per_input % width:
        raise ModelError(
            f"An input must hold whole frames of {width} values. Received: a model that takes "
            f"{expected}."
        )
    return features.reshape(len(features), *((steps,) if steps > 1 else ()), *expected)


def step_count(inputs: NDArray[np.generic], shape: tuple[int, ...]) -> int:
    """Runs per clip of what `windows` made for an input of `shape`."""
    return int(inputs.shape[1]) if inputs.ndim == len(clip_shape(shape)) + 2 else 1


def last_step(values: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """A traced tensor of `shape` as it was at the end of each clip."""
    return values[:, -1] if values.ndim == len(clip_shape(shape)) + 2 else values


class Backend(Protocol):
    """Runs one model. Implementations: `reference`, `tflm`, `host`, `cortex-m`."""

    name: str

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; the states of a stateful model are reset before each clip.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype; for a
                stateful model also (batch, steps, *input shape without its leading 1), the runs
                one after another. The trace has a dimension of steps then, too.

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
