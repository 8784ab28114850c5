"""Fitting learns, is repeatable, keeps one epoch, and refuses what cannot work."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert.errors import SpecError, UserError
from convert.frontend import FrontEnd
from simulate.hostfrontend import HostFrontEnd
from tests.train.tiny import CLASSES, SHAPE, examples
from train.augment import NONE, Augmentation
from train.averaging import WeightAverage
from train.datasets import Dataset
from train.features import Augmented, Examples, Fixed, checked_features, training_data
from train.fit import FitSpec, Step, fit, learning_rate, predictions
from train.keras import load, start
from train.models import ModelSpec, build_model

TRAIN, VALIDATION = Fixed(examples(96, 1)), examples(30, 2)
SPEC = FitSpec(epochs=4, batch=16, warmup_epochs=1)


def network(seed: int = 0) -> Any:
    start(seed)
    return build_model(ModelSpec("ds_cnn", width=8, blocks=1), SHAPE, CLASSES)


def test_it_learns_and_tells_its_progress() -> None:
    start(0)
    model = build_model(ModelSpec("cnn_digits", width=4, dense=8), SHAPE, CLASSES)
    seen: list[Step] = []
    history = fit(model, TRAIN, VALIDATION, FitSpec(epochs=8, batch=16), progress=seen.append)
    assert len(history.epochs) == 8
    assert history.epochs[history.kept].validation_accuracy > 0.9
    assert len(seen) == 8 * 6
    assert (seen[-1].epoch, seen[-1].step, seen[-1].steps) == (7, 6, 6)
    assert seen[0].validation_accuracy is None
    assert seen[-1].validation_accuracy == history.epochs[-2].validation_accuracy


def test_last_epoch_within_a_standard_error_of_the_best_is_kept() -> None:
    model = network()
    history = fit(model, TRAIN, VALIDATION, SPEC)
    scores = [epoch.validation_accuracy for epoch in history.epochs]
    top, clips = max(scores), len(VALIDATION)
    bar = top - (max(top * (1 - top), 1 / clips) / clips) ** 0.5
    assert history.kept == max(i for i, score in enumerate(scores) if score >= bar)
    outputs = predictions(model, VALIDATION.features)
    assert np.mean(outputs.argmax(1) == VALIDATION.labels) == scores[history.kept]


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_average_follows_the_weights(decay: float) -> None:
    model = network()
    average = WeightAverage(model, decay)
    kernel = model.trainable_variables[0]
    before = kernel.numpy()
    kernel.assign(before + 1)
    average.update()
    # The first step's decay is (1 + 1) / (10 + 1), not the full one.
    with average.in_place():
        moved = kernel.numpy() - before
    expected = 1.0 if decay == 0 else 1 - 2 / 11
    # float32 sums of numbers near 1: the last bits differ.
    np.testing.assert_allclose(moved, expected, rtol=1e-5)
    np.testing.assert_array_equal(kernel.numpy(), before + 1)


def test_same_seed_same_weights() -> None:
    def run(seed: int) -> list[bytes]:
        model = network(seed)
        fit(model, TRAIN, VALIDATION, SPEC, seed=seed)
        return [w.tobytes() for w in model.get_weights()]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_rate_rises_and_falls() -> None:
    spec = FitSpec(epochs=10, warmup_epochs=2, learning_rate=1e-2)
    rates = [learning_rate(spec, 7, step) for step in range(70)]
    top = int(np.argmax(rates))
    assert top == 14 and rates[top] == pytest.approx(1e-2)
    assert rates[:15] == sorted(rates[:15]) and rates[14:] == sorted(rates[14:], reverse=True)
    assert 0 < rates[0] < 1e-3 and 0 < rates[-1] < 1e-4


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    fit(network(), TRAIN, VALIDATION, FitSpec(epochs=1, warmup_epochs=0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be from 1"),
        ({"batch": 0}, "batch must be from 1"),
        ({"learning_rate": 0.0}, "learning_rate must be from 1e-07"),
        ({"label_smoothing": 1.0}, "label_smoothing must be from 0"),
        ({"epochs": 3, "warmup_epochs": 3}, "warmup_epochs must be fewer than epochs"),
        ({"copies": 0}, "copies must be from 1"),
    ],
)
def test_impossible_specs(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        FitSpec(**options)


def test_labels_beyond_the_outputs() -> None:
    wrong = Examples(VALIDATION.features, VALIDATION.labels + 1)
    with pytest.raises(SpecError, match="Labels must be 0 to 2"):
        fit(network(), TRAIN, wrong, SPEC)
    with pytest.raises(SpecError, match="Labels must be 0 to 2"):
        fit(network(), Fixed(wrong), VALIDATION, SPEC)


def test_examples_are_checked() -> None:
    with pytest.raises(SpecError, match="features must be int8"):
        Examples(np.zeros((2, 3, 4), np.float32), np.zeros(2, np.int32))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="one label per clip"):
        Examples(np.zeros((2, 3, 4), np.int8), np.zeros(3, np.int32))


def one_hot(labels: Any, smoothing: float) -> Any:
    return (np.eye(CLASSES)[labels] * (1 - smoothing) + smoothing / CLASSES).astype(np.float32)


def test_soft_targets_take_the_place_of_smoothed_labels() -> None:
    """Targets that equal the smoothed labels give the same weights; others are not smoothed."""
    hard = TRAIN.examples
    soft = Fixed(replace(hard, targets=one_hot(hard.labels, SPEC.label_smoothing)))
    models = [network(), network()]
    with_labels = fit(models[0], TRAIN, VALIDATION, SPEC)
    with_targets = fit(models[1], soft, VALIDATION, replace(SPEC, label_smoothing=0.5))
    # One product in float32 on each side, by TensorFlow and by NumPy: the last bit may differ.
    for a, b in zip(with_labels.epochs, with_targets.epochs, strict=True):
        np.testing.assert_allclose(a.train_loss, b.train_loss, rtol=1e-4)
        assert a.validation_accuracy == b.validation_accuracy


def test_accuracy_is_that_of_the_labels_whatever_the_targets_say() -> None:
    hard = TRAIN.examples
    turned = Fixed(replace(hard, targets=one_hot((hard.labels + 1) % CLASSES, 0.1)))
    history = fit(network(), turned, VALIDATION, FitSpec(epochs=6, batch=16, warmup_epochs=1))
    assert history.epochs[-1].train_accuracy < 0.2
    assert history.epochs[-1].train_loss < 1.0  # it has learned, but what the targets say
    assert history.epochs[-1].validation_loss > 1.0


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.ones((4, 3), np.float64), "targets must be float32 of shape"),
        (np.ones((3, 3), np.float32) / 3, "targets must be float32 of shape"),
        (np.ones((4, 3), np.float32), r"must be probabilities.*sums from 3"),
        (np.array([[2, -1, 0]] * 4, np.float32), "the least value -1"),
        (np.array([[math.nan, 0, 1]] * 4, np.float32), "must be probabilities"),
    ],
)
def test_targets_must_be_probabilities(targets: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(examples(4), targets=targets)


def test_targets_of_other_classes() -> None:
    hard = TRAIN.examples
    wide = np.full((len(hard), 5), 0.2, np.float32)
    with pytest.raises(
        SpecError, match=r"targets must be of 3 classes, as the model\. Received: 5"
    ):
        fit(network(), Fixed(replace(hard, targets=wide)), VALIDATION, SPEC)


def test_divergence_is_refused() -> None:
    model = network()
    model.get_layer("words").bias.assign([math.nan] * CLASSES)
    with pytest.raises(UserError, match=r"must stay finite.*learning_rate"):
        fit(model, TRAIN, VALIDATION, SPEC)


def clips(count: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    rng = np.random.default_rng(7)
    return rng.integers(-9000, 9000, (count, 16000)).astype(np.int16)


def test_augmented_copies_are_repeatable_and_begin_anywhere() -> None:
    host = HostFrontEnd(FrontEnd())
    labels = np.arange(6, dtype=np.int32) % 2

    def source(seed: int = 1, workers: int = 0) -> Augmented:
        return Augmented(
            clips(6), labels, host, Augmentation(), copies=3, seed=seed, workers=workers
        )

    one = source()
    epochs = [one.epoch(n).features for n in range(5)]
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], epochs[3])  # the same copy behind other masks
    other = source(workers=1)
    np.testing.assert_array_equal(other.epoch(4).features, epochs[4])
    np.testing.assert_array_equal(other.epoch(2).features, epochs[2])
    np.testing.assert_array_equal(other.epoch(0).features, epochs[0])
    assert not np.array_equal(source(2).epoch(0).features, epochs[0])


def test_training_data() -> None:
    pcm = clips(50)
    split = np.array(["train"] * 40 + ["val"] * 10, dtype="U5")
    names = tuple(f"s/{i}" for i in range(50))
    data = Dataset(
        pcm, np.arange(50, dtype=np.int32) % 2, ("a", "b"), names, split, names, names, names
    )
    made = training_data(data, FrontEnd(), NONE, copies=1, calibration_clips=8)
    assert made.train.size == 40 and len(made.validation) == 10
    assert made.calibration.shape == (8, 49, 40)
    np.testing.assert_array_equal(
        made.train.epoch(0).features, HostFrontEnd(FrontEnd()).features(pcm[:40])
    )
    with pytest.raises(SpecError, match="Split 'val' must have clips"):
        training_data(data.where(np.arange(40)), FrontEnd(), NONE)
    with pytest.raises(SpecError, match="Split 'train' must have clips"):
        training_data(data.where(np.arange(40, 50)), FrontEnd(), NONE)


def test_a_front_end_that_differs_is_noticed() -> None:
    class Wrong(HostFrontEnd):
        def features(self, clips: Any) -> Any:
            return super().features(clips) ^ 1

    with pytest.raises(AssertionError, match="differs"):
        checked_features(clips(5), Wrong(FrontEnd()))


def test_weight_decay_shrinks() -> None:
    def norm(decay: float) -> float:
        model = network()
        spec = FitSpec(epochs=3, batch=16, warmup_epochs=1, weight_decay=decay)
        fit(model, TRAIN, VALIDATION, spec)
        return float(np.linalg.norm(model.get_layer("pointwise_1").kernel.numpy()))

    assert norm(1.0) < norm(0.0)
    assert load().tf.executing_eagerly()
