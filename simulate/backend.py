"""The one interface of all back ends: int8 in, every layer's tensor out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.graph import DType, Graph

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


class Edge(Protocol):
    """What is known of a model's input."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As in the .tflite."""

    @property
    def dtype(self) -> DType:
        """Of its values."""

    @property
    def nbytes(self) -> int:
        """Of one."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What `Backend.run` was given, checked.

    Attributes:
        data: (clips, steps, *input shape without its leading 1), contiguous; where there are
            several inputs, uint8 (clips, steps, bytes of all of them).
        lead: (steps,) when the inputs had a dimension of steps, else ().
        edges: the model's inputs.
    """

    data: NDArray[np.generic]
    lead: tuple[int, ...]
    edges: tuple[Edge, ...]

    @property
    def clips(self) -> int:
        """How many clips."""
        return len(self.data)

    @property
    def steps(self) -> int:
        """Runs of the model per clip."""
        return int(self.data.shape[1])

    @property
    def raw(self) -> NDArray[np.uint8]:
        """(clips, steps, bytes of all inputs)."""
        values = math.prod(self.data.shape[2:])
        return self.data.reshape(self.clips, self.steps, values).view(np.uint8)

    @property
    def parts(self) -> list[NDArray[np.generic]]:
        """Of each input (clips, steps, *shape without its leading 1)."""
        if len(self.edges) == 1:
            return [self.data]
        ends = np.cumsum([edge.nbytes for edge in self.edges])[:-1]
        return [
            np.ascontiguousarray(part)
            .view(edge.dtype)
            .reshape(self.clips, self.steps, *clip_shape(edge.shape))
            for edge, part in zip(self.edges, np.split(self.raw, ends, axis=2), strict=True)
        ]


def joined_values(parts: Sequence[NDArray[np.generic]], lead: int = 1) -> NDArray[np.generic]:
    """The values of one input or output, or the bytes of several, as `Backend.run` takes them.

    Args:
        parts: of each (batch, *shape without its leading 1), or with steps after the batch.
        lead: 2 with steps, else 1.
    """
    if len(parts) == 1:
        return parts[0]
    rows = [
        np.ascontiguousarray(part)
        .reshape(*part.shape[:lead], math.prod(part.shape[lead:]))
        .view(np.uint8)
        for part in parts
    ]
    return np.concatenate(rows, axis=lead)


def input_shape(edges: Sequence[Edge]) -> tuple[int, ...]:
    """Shape of what one run takes of the array that `Backend.run` is given."""
    if len(edges) == 1:
        return clip_shape(edges[0].shape)
    return (sum(edge.nbytes for edge in edges),)


def batch_of(inputs: NDArray[np.generic], edges: Sequence[Edge], stateful: bool) -> Batch:
    """Check what a back end shall run.

    Args:
        inputs: (clips, *shape without its leading 1); for a stateful model also (clips, steps,
            *shape without its leading 1). Of several inputs their bytes (`joined_values`).
        edges: the model's inputs.
        stateful: whether the model has states.

    Raises:
        ModelError: another shape or type.
    """
    expected = input_shape(edges)
    dtype = edges[0].dtype if len(edges) == 1 else "uint8"
    stepped = stateful and inputs.ndim == len(expected) + 2 and inputs.shape[1] > 0
    if inputs.shape[1 + stepped :] != expected or inputs.dtype.name != dtype:
        also = f" or (batch, steps, *{expected})" if stateful else ""
        raise ModelError(
            f"Inputs must be {dtype} of shape (batch, *{expected}){also}. Received: "
            f"{inputs.dtype} of {inputs.shape}."
        )
    data = np.ascontiguousarray(inputs)
    if stepped:
        return Batch(data, data.shape[1:2], tuple(edges))
    return Batch(data[:, np.newaxis], (), tuple(edges))


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
                one after another. The trace has a dimension of steps then, too. Of a model with
                several inputs their bytes, as `joined_values` makes them.

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
