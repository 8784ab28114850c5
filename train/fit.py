"""Fitting a model: Adam, warm-up and cosine, label smoothing, weights averaged, one epoch kept.

The loop is our own, of one compiled step, so that every batch is decided by NumPy generators seeded
from `seed`, and so that quantization-aware models and later schemes use the same one. Nothing is
printed: a caller passes `progress`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError, UserError
from train.averaging import WeightAverage
from train.features import Examples, Source
from train.keras import load

_BATCH_STREAM = 2  # second word of the seeds of the order of batches
_EVALUATION_BATCH = 256


@dataclass(frozen=True)
class FitSpec:
    """How a model is fitted.

    Attributes:
        epochs: passes over the training clips.
        batch: clips per step.
        learning_rate: highest rate, reached after the warm-up.
        warmup_epochs: epochs of linear rise; a cosine falls to zero afterwards.
        label_smoothing: share of the target spread over all classes; soft targets
            (`Examples.targets`) are taken as they are.
        weight_decay: decoupled (AdamW), per step and unit of learning rate; 0 is plain Adam.
        copies: augmented copies of each clip; more epochs than copies see them again, masked anew.
        averaging: the model that is validated and kept is a moving average of the weights over
            about 1 / (1 - averaging) steps (Polyak averaging); 0 keeps the weights as they are.
    """

    epochs: int = 40
    batch: int = 64
    learning_rate: float = 2e-3
    warmup_epochs: float = 2.0
    label_smoothing: float = 0.1
    weight_decay: float = 0.0
    copies: int = 20
    averaging: float = 0.99

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("batch", 1, 4096),
            ("learning_rate", 1e-7, 1.0),
            ("warmup_epochs", 0.0, 1000.0),
            ("label_smoothing", 0.0, 0.9),
            ("weight_decay", 0.0, 1.0),
            ("copies", 1, 1000),
            ("averaging", 0.0, 0.9999),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"{name} must be from {low:g} to {high:g}. Received: {value}.")
        if self.warmup_epochs >= self.epochs and self.epochs > 1:
            raise SpecError(
                f"warmup_epochs must be fewer than epochs ({self.epochs}). "
                f"Received: {self.warmup_epochs:g}."
            )


@dataclass(frozen=True)
class Step:
    """What a progress callback is told after every step.

    Attributes:
        epoch: current epoch, from 0.
        epochs: how many there will be.
        step: steps done in this epoch, from 1.
        steps: steps per epoch.
        loss: mean training loss of this epoch so far.
        validation_accuracy: of the last finished epoch, None in the first.
        phase: what is being fitted, where a scheme fits more than once.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation_accuracy: float | None
    phase: str = ""


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch.

    Losses are cross-entropies: the training one against what is fitted to (labels with label
    smoothing, or soft targets), the validation one against the labels. Accuracies are against the
    labels always.
    """

    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class History:
    """What a fit has done.

    Attributes:
        epochs: metrics, in order.
        kept: index of the epoch whose weights the model has now.
    """

    epochs: tuple[Epoch, ...]
    kept: int


def fit(
    model: Any,
    train: Source,
    validation: Examples,
    spec: FitSpec,
    *,
    seed: int = 0,
    first_epoch: int = 0,
    progress: Progress | None = None,
    before_validation: Callable[[], None] | None = None,
    after_step: Callable[[int], None] | None = None,
    keep_from: int = 0,
) -> History:
    """Fit `model` in place and leave it with the weights of the epoch that `validation` supports.

    That is the last epoch whose accuracy is within one standard error of the best one's: a few
    hundred clips of a few speakers cannot tell epochs apart that closely, and the later ones have
    the lower learning rate.

    Args:
        model: tf_keras model, (batch, frames, width, 1) -> softmax.
        train: training examples; where they have `targets`, these are fitted to.
        validation: examples of other speakers, never the test set.
        spec: how.
        seed: of the order of clips.
        first_epoch: number of the first epoch asked of `train`; fine-tuning goes on where training
            stopped.
        progress: called after every step.
        before_validation: called before each validation, for quantizers that follow weights.
        after_step: called after every step with the number of steps done, for what follows the
            weights in training.
        keep_from: index of the first epoch that may be kept.

    Returns:
        Metrics per epoch.

    Raises:
        UserError: the loss or a weight is no finite number: training has diverged.
        SpecError: labels or targets that are not for the model's outputs, or no epoch to keep.
    """
    tf = load().tf
    if not 0 <= keep_from < spec.epochs:
        raise SpecError(f"keep_from must be below epochs ({spec.epochs}). Received: {keep_from}.")
    classes = int(model.output_shape[-1])
    for what in (train.epoch(first_epoch), validation):
        if len(what) == 0 or what.labels.min() < 0 or what.labels.max() >= classes:
            raise SpecError(
                f"Labels must be 0 to {classes - 1}, and there must be some. Received: "
                f"{sorted(set(what.labels.tolist()))[:20]}."
            )
        if what.targets is not None and what.targets.shape[1] != classes:
            raise SpecError(
                f"targets must be of {classes} classes, as the model. Received: "
                f"{what.targets.shape[1]}."
            )
    steps = math.ceil(train.size / spec.batch)
    optimizer = _optimizer(spec)
    optimizer.build(model.trainable_variables)
    average = WeightAverage(model, spec.averaging)
    step = _training_step(model, optimizer, classes)
    predict = _predictor(model)

    epochs: list[Epoch] = []
    kept: tuple[int, list[NDArray[Any]]] | None = None
    for number in range(spec.epochs):
        examples = train.epoch(first_epoch + number)
        order = np.random.default_rng([seed, _BATCH_STREAM, first_epoch + number]).permutation(
            train.size
        )
        features, labels = tf.constant(examples.features), tf.constant(examples.labels)
        targets = _targets(tf, examples, classes, spec.label_smoothing)
        total = right = 0.0
        last = epochs[-1].validation_accuracy if epochs else None
        for position in range(steps):
            optimizer.learning_rate.assign(learning_rate(spec, steps, number * steps + position))
            rows = order[position * spec.batch : (position + 1) * spec.batch]
            loss, correct = step(
                tf.gather(features, rows), tf.gather(labels, rows), tf.gather(targets, rows)
            )
            if after_step is not None:
                after_step(number * steps + position + 1)
            average.update()
            total += float(loss) * len(rows)
            right += float(correct)
            if not math.isfinite(total):
                raise UserError(
                    f"The training loss must stay finite. Received: {float(loss)} in epoch "
                    f"{number + 1}. Lower learning_rate (now {spec.learning_rate:g})."
                )
            if progress is not None:
                done = min(train.size, (position + 1) * spec.batch)
                progress(Step(number, spec.epochs, position + 1, steps, total / done, last))
        with average.in_place():
            if before_validation is not None:
                before_validation()
            loss, accuracy = _measure(predict, validation)
            earlier = [epoch.validation_accuracy for epoch in epochs[keep_from:]]
            top = max([accuracy, *earlier])
            enough = accuracy >= top - standard_error(top, len(validation))
            if number >= keep_from and (kept is None or enough):
                kept = (number, model.get_weights())
        epochs.append(Epoch(total / train.size, right / train.size, loss, accuracy))
        if not math.isfinite(loss):
            raise UserError(
                f"The validation loss must stay finite. Received: {loss} in epoch {number + 1}. "
                f"Lower learning_rate (now {spec.learning_rate:g})."
            )
    assert kept is not None
    model.set_weights(kept[1])
    return History(tuple(epochs), kept[0])


def standard_error(accuracy: float, clips: int) -> float:
    """Of an accuracy measured on so many clips; at least one clip, where all are right."""
    return math.sqrt(max(accuracy * (1 - accuracy), 1 / clips) / clips)


def learning_rate(spec: FitSpec, steps: int, step: int) -> float:
    """The rate of one step: linear from near 0 in the warm-up, then half a cosine down to 0.

    Args:
        spec: with the highest rate, the number of epochs and of warm-up epochs.
        steps: steps per epoch.
        step: steps done before this one.
    """
    warm = spec.warmup_epochs * steps
    if step < warm:
        return spec.learning_rate * (step + 1) / (math.ceil(warm) + 1)
    rest = max(1.0, spec.epochs * steps - warm)
    return spec.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / rest))


def predictions(model: Any, features: NDArray[np.int8]) -> NDArray[np.float32]:
    """Softmax outputs of a Keras model, float32 (n, classes), for int8 (n, frames, width)."""
    return _run(_predictor(model), features)


def _optimizer(spec: FitSpec) -> Any:
    optimizers = load().keras.optimizers
    if spec.weight_decay:
        return optimizers.AdamW(
            spec.learning_rate, weight_decay=spec.weight_decay, jit_compile=False
        )
    return optimizers.Adam(spec.learning_rate, jit_compile=False)


def _real(tf: Any, features: Any) -> Any:
    """int8 (batch, frames, width) -> float (batch, frames, width, 1), in the graph."""
    return tf.expand_dims(tf.cast(features, tf.float32) * (1.0 / 64.0), -1)


def _targets(tf: Any, examples: Examples, classes: int, smoothing: float) -> Any:
    """What the outputs are fitted to, float32 (n, classes)."""
    if examples.targets is not None:
        return tf.constant(examples.targets)
    return tf.one_hot(examples.labels, classes) * (1.0 - smoothing) + smoothing / classes


def _training_step(model: Any, optimizer: Any, classes: int) -> Any:
    tf = load().tf
    _, frames, width = model.input_shape[:3]
    signature = [
        tf.TensorSpec((None, frames, width), tf.int8),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((None, classes), tf.float32),
    ]

    @tf.function(input_signature=signature)
    def step(features: Any, labels: Any, targets: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            outputs = model(_real(tf, features), training=True)
            loss = -tf.reduce_mean(
                tf.reduce_sum(targets * tf.math.log(tf.maximum(outputs, 1e-7)), axis=-1)
            )
            total = tf.add_n([loss, *model.losses])
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        guess = tf.argmax(outputs, axis=-1, output_type=tf.int32)
        return loss, tf.math.count_nonzero(guess == labels)

    return step


def _predictor(model: Any) -> Any:
    tf = load().tf
    _, frames, width = model.input_shape[:3]

    @tf.function(input_signature=[tf.TensorSpec((None, frames, width), tf.int8)])
    def predict(features: Any) -> Any:
        return model(_real(tf, features), training=False)

    return predict


def _run(predict: Any, features: NDArray[np.int8]) -> NDArray[np.float32]:
    parts: Iterable[NDArray[np.float32]] = (
        predict(features[start : start + _EVALUATION_BATCH]).numpy()
        for start in range(0, len(features), _EVALUATION_BATCH)
    )
    return np.concatenate(list(parts)).astype(np.float32)


def _measure(predict: Any, examples: Examples) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    outputs = _run(predict, examples.features)
    chosen = outputs[np.arange(len(examples)), examples.labels]
    loss = float(-np.mean(np.log(np.maximum(chosen, 1e-7), dtype=np.float64)))
    if not np.all(np.isfinite(outputs)):
        loss = math.nan
    accuracy = float(np.mean(outputs.argmax(axis=1) == examples.labels))
    return loss, accuracy
