"""Polyak averaging: a model's weights as a moving average over the steps of a fit.

Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992), in the
exponential form; the decay of the first steps is lowered to (1 + n) / (10 + n), so that the average
does not remember where training began.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from train.keras import load


class WeightAverage:
    """The average of the floating-point weights of `model`, those of BatchNorm included.

    Args:
        model: built tf_keras model.
        decay: 0 to below 1; 0 makes the average the weights themselves.
    """

    def __init__(self, model: Any, decay: float) -> None:
        tf = load().tf
        self._decay = decay
        self._steps = 0
        self._weights = [w for w in model.weights if w.dtype.is_floating] if decay else []
        self._means = [tf.Variable(w, trainable=False) for w in self._weights]
        self._move = tf.function(self._moved)

    def update(self) -> None:
        """Take in the weights after a step."""
        if self._weights:
            self._steps += 1
            decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
            self._move(load().tf.constant(1.0 - decay))

    def _moved(self, share: Any) -> None:
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.assign_add((weight - mean) * share)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model has the average as its weights."""
        kept = [weight.numpy() for weight in self._weights]
        for weight, mean in zip(self._weights, self._means, strict=True):
            weight.assign(mean)
        try:
            yield
        finally:
            for weight, value in zip(self._weights, kept, strict=True):
                weight.assign(value)
