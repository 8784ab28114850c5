"""What teachers think of every training example, as soft labels.

After "Distilling the Knowledge in a Neural Network" (Hinton, Vinyals, Dean 2015): probabilities at
temperature T are softmax(logits / T), which is p^(1/T) scaled to a sum of 1; they say which words
sound alike. Here only teachers are softened; the mean of their probabilities is mixed with the
smoothed label:

    target = share * mean(soften(p, T)) + (1 - share) * smooth(label)

so that every scheme can be fitted to them with the loss it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from train.features import Examples, Source
from train.fit import predictions

_ENOUGH_TO_JUDGE = 32  # clips a teacher is tried on before anything is taught


def soften(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities (n, classes) at a temperature; 1 leaves them as they are."""
    powers = np.power(probabilities.astype(np.float64), 1.0 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


class Taught:
    """A `Source` whose examples carry what teachers think of them.

    Teachers see exactly the features that the student sees, noise, shift and masks included; each
    example is shown to them once, however often an epoch is asked for.

    Args:
        source: the examples.
        teachers: tf_keras models with a softmax at their end.
        temperature: 1 or more.
        share: of the teachers' opinion in the targets, 0 to 1.
        label_smoothing: share of a label that is spread over all classes.
    """

    def __init__(
        self,
        source: Source,
        teachers: Sequence[Any],
        *,
        temperature: float,
        share: float,
        label_smoothing: float = 0.0,
    ) -> None:
        self._source = source
        self._teachers = tuple(teachers)
        self._temperature = temperature
        self._share = share
        self._smoothing = label_smoothing
        self._opinions: dict[bytes, NDArray[np.float32]] = {}

    @property
    def size(self) -> int:
        """Examples per epoch."""
        return self._source.size

    def epoch(self, number: int) -> Examples:
        """The source's epoch with targets."""
        examples = self._source.epoch(number)
        seen = hashlib.blake2b(examples.features.tobytes()).digest()
        if seen not in self._opinions:
            opinions = [
                soften(predictions(teacher, examples.features), self._temperature)
                for teacher in self._teachers
            ]
            self._opinions[seen] = np.mean(opinions, axis=0, dtype=np.float32)
        opinion = self._opinions[seen]
        classes = opinion.shape[1]
        hard = np.eye(classes, dtype=np.float32)[examples.labels]
        hard = hard * np.float32(1 - self._smoothing) + np.float32(self._smoothing / classes)
        targets = np.float32(self._share) * opinion + np.float32(1 - self._share) * hard
        return Examples(examples.features, examples.labels, targets)


def check_teacher(teacher: Any, student: Any, features: NDArray[np.int8], what: str) -> None:
    """Hold a teacher to what its student can learn from it.

    Args:
        teacher: tf_keras model.
        student: tf_keras model.
        features: some clips, int8 (n, frames, width).
        what: how messages call the teacher.

    Raises:
        ModelError: other classes, another input, or outputs that are no probabilities.
    """
    for side, received, expected in (
        ("take the student's features, of shape", teacher.input_shape, student.input_shape),
        ("tell the student's classes apart, with outputs of", teacher.output_shape, None),
    ):
        shape = student.output_shape if expected is None else expected
        if not isinstance(received, tuple) or received[1:] != shape[1:]:
            raise ModelError(
                f"The teacher must {side} {shape[1:]}. Received: {received[1:]} from {what}. "
                "Train the teacher on this project's words and front-end."
            )
    outputs = predictions(teacher, features[:_ENOUGH_TO_JUDGE])
    # float32 softmax: a sum of some tens of classes comes within 1e-5 of 1.
    if not np.all(np.isfinite(outputs)) or np.abs(outputs.sum(axis=1) - 1).max() > 1e-3:
        raise ModelError(
            "The teacher must end in a softmax, so that its outputs are finite and sum to 1. "
            f"Received: sums from {outputs.sum(axis=1).min():g} to {outputs.sum(axis=1).max():g} "
            f"from {what}."
        )
