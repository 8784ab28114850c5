"""Distillation: what the teacher says reaches the student, and unfit teachers are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import ModelError, SpecError, UserError
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.tiny import CLASSES, SHAPE, examples, tiny_data
from train.features import Examples, Fixed
from train.fit import FitSpec, Step, fit, predictions
from train.keras import load, start
from train.models import ModelSpec, build_model
from train.quantization import (
    DistilledInt8,
    Float32,
    IncrementalInt8,
    PtqInt8,
    QatInt8,
    quantize,
)
from train.quantization.log4 import Log4
from train.quantization.teaching import Taught, soften

TEACHER = ModelSpec("cnn_digits", width=6, dense=12)
STUDENT = ModelSpec("ds_cnn", width=8, blocks=1)
QUICK = DistilledInt8(
    student=QatInt8(epochs=1, batch=32), teacher=TEACHER, teacher_epochs=3, epochs=1, batch=32
)


def network(spec: ModelSpec, classes: int = CLASSES, shape: tuple[int, int] = SHAPE) -> Any:
    start(0)
    return build_model(spec, shape, classes)


@dataclass
class Counted:
    """A source that makes a new example every time, and a teacher's calls with it."""

    asked: int = 0
    size: int = 12

    def epoch(self, number: int) -> Examples:
        self.asked += 1
        return examples(self.size, seed=number)


def test_softened_probabilities_are_those_of_softened_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (5, 7))

    def softmax(x: Any) -> Any:
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    made = soften(softmax(logits).astype(np.float32), 3.0)
    # From float32 probabilities, of which a cube root is taken: 1e-7 relative at most.
    np.testing.assert_allclose(made, softmax(logits / 3), rtol=1e-6)


def test_targets_mix_the_teacher_and_the_label() -> None:
    teacher = network(TEACHER)
    source = Taught(Counted(), [teacher], temperature=2.0, share=0.25)
    one = source.epoch(3)
    expected = 0.25 * soften(predictions(teacher, one.features), 2.0)
    expected += 0.75 * np.eye(CLASSES)[one.labels]
    np.testing.assert_allclose(one.targets, expected, rtol=1e-6)
    assert source.size == 12


def test_several_teachers_are_heard_alike() -> None:
    teachers = [network(TEACHER), network(STUDENT)]
    one = Taught(Counted(), teachers, temperature=2.0, share=1.0).epoch(3)
    softened = [soften(predictions(t, one.features), 2.0) for t in teachers]
    np.testing.assert_allclose(one.targets, (softened[0] + softened[1]) / 2, rtol=1e-6)


def test_the_float_model_is_a_teacher_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    class Counting(Taught):
        def __init__(self, source: Any, teachers: Any, **options: Any) -> None:
            heard.append(len(teachers))
            assert model not in teachers[:1]
            assert (model in teachers) == (len(teachers) == 2)
            super().__init__(source, teachers, **options)

    monkeypatch.setattr("train.quantization.distilled_int8.Taught", Counting)
    model = network(STUDENT)
    for spec in (QUICK, replace(QUICK, listen_to_self=False)):
        quantize(model, tiny_data(), spec)
    assert heard == [2, 1]


def test_labels_are_smoothed_as_in_training() -> None:
    teacher = network(TEACHER)
    source = Taught(Counted(), [teacher], temperature=1.0, share=0.0, label_smoothing=0.3)
    one = source.epoch(0)
    expected = np.full((len(one.labels), CLASSES), 0.3 / CLASSES)
    expected[np.arange(len(one.labels)), one.labels] += 0.7
    np.testing.assert_allclose(one.targets, expected, rtol=1e-6)


def test_every_example_is_shown_to_the_teacher_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []

    def look(model: Any, features: Any) -> Any:
        shown.append(len(features))
        return predictions(model, features)

    monkeypatch.setattr("train.quantization.teaching.predictions", look)
    source = Taught(Counted(), [network(TEACHER)], temperature=2.0, share=0.5)
    for number in (0, 0, 1, 0, 1):
        source.epoch(number)
    assert shown == [12, 12]


def test_the_student_learns_what_only_the_teacher_says() -> None:
    """With the whole target from a teacher that swaps two words, so does the student."""
    data = tiny_data()
    swapped = np.array([1, 0, 2], np.int32)
    hard = data.train.epoch(0)
    turned = Fixed(replace(hard, labels=swapped[hard.labels]))
    expected = replace(data.validation, labels=swapped[data.validation.labels])
    spec = FitSpec(epochs=12, batch=16)
    teacher = network(TEACHER)
    fit(teacher, turned, expected, spec)
    student = network(TEACHER)
    taught = Taught(data.train, [teacher], temperature=1.0, share=1.0)
    fit(student, taught, expected, spec)
    assert np.mean(predictions(student, expected.features).argmax(1) == expected.labels) > 0.9


def test_progress_says_which_training_it_is() -> None:
    seen: list[Step] = []
    result = quantize(network(STUDENT), tiny_data(), QUICK, progress=seen.append)
    names = list(dict.fromkeys(step.phase for step in seen))
    assert names == [
        "training the teacher",
        "fine-tuning in float with the teacher",
        "fine-tuning with the teacher",
    ]
    assert seen[0].epochs == 3 and seen[-1].epochs == 1
    assert "The teacher is right on" in result.notes[-1]


@pytest.mark.parametrize("student", [IncrementalInt8(epochs=1, blocks=2), Log4(epochs=1)])
def test_combinations_run_alike_everywhere(student: Any) -> None:
    """The definition, the C on this machine and TFLite Micro give the same bytes."""
    data = tiny_data()
    result = quantize(network(STUDENT), data, replace(QUICK, student=student))
    inputs = data.validation.features[..., None]
    graph = tflite_reader.read(result.tflite)
    backends = (HostBackend.from_graph(graph), TflmBackend(result.tflite))
    expected = ReferenceBackend(graph).run(inputs)[graph.outputs[0]]
    for backend in backends:
        np.testing.assert_array_equal(backend.run(inputs)[graph.outputs[0]], expected)
    assert result.history is not None and len(result.history.epochs) <= 2  # the student's own


def test_same_seed_same_bytes() -> None:
    model = network(STUDENT)
    first, again = (quantize(model, tiny_data(), QUICK, seed=4) for _ in range(2))
    assert first.tflite == again.tflite and first.reference == again.reference


def test_a_teacher_of_ones_own(tmp_path: Path) -> None:
    """A saved model and saved weights do what the network they were saved from does."""
    teacher = network(TEACHER)
    fit(teacher, tiny_data().train, examples(30, 2), FitSpec(epochs=3, batch=16))
    teacher.save(tmp_path / "teacher.keras")
    teacher.save_weights(tmp_path / "teacher.weights.h5")
    whole = replace(QUICK, teacher=DistilledInt8().teacher, teacher_file="teacher.keras")
    weights = replace(QUICK, teacher_file="teacher.weights.h5")
    seen: list[Step] = []
    made = [
        quantize(network(STUDENT), tiny_data(), one.located(tmp_path), progress=seen.append)
        for one in (whole, weights)
    ]
    assert made[0].tflite == made[1].tflite
    assert not [step for step in seen if step.phase == "training the teacher"]


def refused(spec: DistilledInt8) -> None:
    spec.check_model(network(STUDENT))


def test_unfit_teachers(tmp_path: Path) -> None:
    whole = replace(QUICK, teacher=DistilledInt8().teacher)
    path = tmp_path / "teacher.keras"
    network(TEACHER, classes=4).save(path)
    with pytest.raises(ModelError, match=r"classes apart.*\(3,\)\. Received: \(4,\) from"):
        refused(replace(whole, teacher_file=str(path)))
    network(TEACHER, shape=(20, 12)).save(path)
    with pytest.raises(ModelError, match=r"of shape \(16, 12, 1\)\. Received: \(20, 12, 1\)"):
        refused(replace(whole, teacher_file=str(path)))
    L = load().keras.layers
    x = L.Input((*SHAPE, 1))
    load().keras.Model(x, L.Dense(CLASSES)(L.Flatten()(x))).save(path)
    with pytest.raises(ModelError, match="must end in a softmax"):
        refused(replace(whole, teacher_file=str(path)))
    with pytest.raises(ModelError, match="must end in a softmax"):
        quantize(network(STUDENT), tiny_data(), replace(whole, teacher_file=str(path)))
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="must be a model saved by Keras 2"):
        refused(replace(whole, teacher_file=str(path)))
    other = tmp_path / "other.weights.h5"
    network(STUDENT).save_weights(other)
    with pytest.raises(UserError, match="must hold the weights of teacher cnn_digits"):
        refused(replace(QUICK, teacher_file=str(other)))
    with pytest.raises(UserError, match="teacher_file must exist"):
        refused(replace(whole, teacher_file=str(tmp_path / "none.keras")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"student": Float32()}, "must be a scheme that runs as C. Received: float32"),
        ({"temperature": 0.5}, "temperature must be from 1"),
        ({"share": 1.5}, "share must be from 0 to 1"),
        ({"epochs": -1}, "epochs must be from 0"),
        ({"teacher_epochs": 0}, "teacher_epochs must be from 1"),
        ({"learning_rate": 0.0}, "learning_rate must be from"),
        ({"teacher": TEACHER, "teacher_file": "a.keras"}, "teacher must be left out"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        DistilledInt8(**options)


def test_the_engines_are_the_students() -> None:
    assert DistilledInt8(student=PtqInt8()).runs_on == PtqInt8.runs_on
