"""Weights that share few values: k-means on weights divided by their channel's greatest.

The weights w of channel c are divided by a_c = max|w_c| and rounded to the nearest of N levels
l_1 < … < l_N in [-1, 1], multiples of 1/127, which all channels of a tensor share:

    w ≈ a_c · l_k(w),   int8 code = 127 · l_k,   scale = a_c / 127

So the int8 tensor holds N different bytes at most, the same ones in every channel: one table of N
bytes. Clusters of the weights as they are, which is what tfmot's `cluster_weights` makes, fall on
other int8 codes in each channel, because each has its own scale, and need a table per channel (1 kB
for 64 channels of 16 levels, where the indices of a 64 × 64 kernel take 2 kB).

Levels begin with tfmot's initialisers, then Lloyd's iteration (Lloyd, "Least squares quantization
in PCM", 1957/1982) to the end. In training each weight has its own gradient (straight through), and
after every step the levels go on by one iteration, so they are the means of the weights that are
nearest to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from train.keras import load
from train.quantization.kernels import Kernel

Initial = Literal["kmeans++", "linear"]

CODES = 127
_ITERATIONS = 200
_LEAST = 1e-6


@dataclass(frozen=True)
class Clustering:
    """How weights are clustered.

    Attributes:
        clusters: different int8 values of a kernel at most, 2 to 256.
        initial: where levels begin.
    """

    clusters: int
    initial: Initial

    def __post_init__(self) -> None:
        if not 2 <= self.clusters <= 256:
            raise SpecError(f"clusters must be from 2 to 256. Received: {self.clusters}.")
        if self.initial not in ("kmeans++", "linear"):
            raise SpecError(f'initial must be "kmeans++" or "linear". Received: {self.initial}.')


def initial_levels(
    values: NDArray[np.float32], count: int, initial: Initial, *, keep_zero: bool
) -> NDArray[np.float32]:
    """Levels of normalised weights, by tfmot's initialiser and Lloyd's iteration.

    Args:
        values: in [-1, 1], any shape.
        count: at most so many levels; fewer where there are fewer different values.
        initial: "kmeans++" draws them (with tfmot's fixed seed), "linear" spaces them evenly.
        keep_zero: 0 is one of the levels.

    Returns:
        float32 (levels,), ascending.
    """
    _ = load().tfmot
    from tensorflow_model_optimization.python.core.clustering.keras import (
        cluster_config,
        clustering_centroids,
    )

    flat = values.reshape(-1).astype(np.float32)
    different = np.unique(np.append(flat, np.float32(0))) if keep_zero else np.unique(flat)
    if len(different) <= count:
        return different
    kinds = cluster_config.CentroidInitialization
    kind = kinds.KMEANS_PLUS_PLUS if initial == "kmeans++" else kinds.LINEAR
    make = clustering_centroids.CentroidsInitializerFactory.get_centroid_initializer(kind)
    made = make(load().tf.constant(flat), count, preserve_sparsity=keep_zero)
    levels = np.sort(made.get_cluster_centroids().numpy())
    for _ in range(_ITERATIONS):
        moved = lloyd(flat, levels, keep_zero=keep_zero)
        if np.array_equal(moved, levels):
            break
        levels = moved
    return levels


def lloyd(
    values: NDArray[np.float32], levels: NDArray[np.float32], *, keep_zero: bool
) -> NDArray[np.float32]:
    """One iteration: each level becomes the mean of the values nearest to it.

    A level without values stays; with `keep_zero` so does 0, and zeros have no part in the others.

    Args:
        values: float32 (n,).
        levels: float32 (levels,), ascending.
        keep_zero: 0 is one of the levels.

    Returns:
        float32 (levels,), ascending.
    """
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
    number = np.bincount(nearest, minlength=len(levels))
    total = np.bincount(nearest, weights=values, minlength=len(levels))
    moved = np.where(number > 0, total / np.maximum(number, 1), levels).astype(np.float32)
    if keep_zero:
        moved[levels == 0] = 0
    return moved


class Clustered:
    """A weight quantizer in the place of tfmot's: values at the levels, range from the weights.

    Args:
        kernel: whose gate it goes into.
        how: levels at most, and where they begin.
        keep_zero: 0 is one of the levels, so that what a mask has cut stays zero.
    """

    def __init__(self, kernel: Kernel, how: Clustering, *, keep_zero: bool) -> None:
        self._kernel = kernel
        self._keep_zero = keep_zero
        self._inner = kernel.gate.inner
        self._per_channel = kernel.gate.variables["max_var"].shape.rank == 1
        levels = initial_levels(self._normalised(), how.clusters, how.initial, keep_zero=keep_zero)
        self._levels = kernel.wrapper.add_weight(
            name="levels",
            shape=levels.shape,
            trainable=False,
            initializer=lambda shape, dtype: load().tf.constant(levels, dtype),
        )
        kernel.gate.inner = self

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        """Round to the levels; in training set the range first."""
        tf = load().tf
        limit = self._limit(inputs)
        if training:
            with tf.control_dependencies(
                [weights["min_var"].assign(-limit), weights["max_var"].assign(limit)]
            ):
                limit = tf.identity(limit)
        else:
            limit = tf.convert_to_tensor(weights["max_var"])
        levels = tf.round(self._levels * CODES) / CODES
        nearest = tf.searchsorted((levels[1:] + levels[:-1]) / 2, tf.reshape(inputs / limit, (-1,)))
        rounded = tf.reshape(tf.gather(levels, nearest), inputs.shape) * limit
        straight = inputs + tf.stop_gradient(rounded - inputs)
        return self._inner(straight, False, weights=weights, **kwargs)

    def _limit(self, values: Any) -> Any:
        tf = load().tf
        axes = list(range(values.shape.rank - 1)) if self._per_channel else None
        return tf.maximum(tf.reduce_max(tf.abs(tf.stop_gradient(values)), axis=axes), _LEAST)

    def _normalised(self) -> NDArray[np.float32]:
        weights = load().tf.convert_to_tensor(self._kernel.weight)
        before = self._kernel.gate.before
        shaped = weights if before is None else before(weights)
        return np.asarray((shaped / self._limit(shaped)).numpy())

    def follow(self) -> None:
        """Move the levels by one iteration."""
        values = self._normalised().reshape(-1)
        moved = lloyd(values, self._levels.numpy(), keep_zero=self._keep_zero)
        self._levels.assign(moved)

    def settle(self) -> None:
        """Make the kernel's weights what they are rounded to and put tfmot's quantizer back."""
        tf = load().tf
        gate = self._kernel.gate
        weights = tf.convert_to_tensor(self._kernel.weight)
        shaped = weights if gate.before is None else gate.before(weights)
        self._kernel.weight.assign(self(shaped, False, gate.variables))
        gate.inner = self._inner


def cluster(chosen: Sequence[Kernel], how: Clustering, *, keep_zero: bool) -> tuple[Clustered, ...]:
    """Put a `Clustered` into the gate of each kernel."""
    return tuple(Clustered(k, how, keep_zero=keep_zero) for k in chosen)
