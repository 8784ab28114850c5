"""Distillation: a larger float teacher, and a student that is quantized while it listens to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

# The students are all other schemes. Their union is written where schemes are registered, which is
# also where this module is imported: the annotation below is looked up when it is first needed.
import train.quantization
from convert.errors import SpecError, UserError
from convert.export import check_weights
from train.features import Features, TrainingData
from train.fit import FitSpec, Progress, fit, predictions, standard_error
from train.keras import load, start
from train.models import ModelSpec, build_model
from train.quantization.base import Engine, Quantized
from train.quantization.phases import phase
from train.quantization.qat_int8 import QatInt8
from train.quantization.teaching import Taught, check_teacher
from train.sources.base import resolve

_WEIGHTS = ".weights.h5"
_STUDENT = QatInt8()
_TEACHER = ModelSpec("res_sep", width=96)


@dataclass(frozen=True)
class DistilledInt8:
    """A student that learns from a teacher while it is quantized, and before, if wanted.

    The teacher is never deployed: the file has the student's size and speed.

    Attributes:
        student: the scheme that makes the int8 model, by name or as a table with its options.
        teacher: the teacher's network, as in [model]; it is trained on the same clips.
        teacher_file: a teacher of your own in place of training one: a model saved by Keras 2
            (.keras or .h5), or the weights of `teacher` (.weights.h5).
        teacher_epochs: of the teacher's training.
        teacher_learning_rate: highest rate of the teacher's training.
        epochs: of fine-tuning the student in float with the teacher, before its scheme; 0 is none.
        batch: clips per step, of teacher and student.
        learning_rate: highest rate of the float fine-tuning.
        temperature: softens the teacher's probabilities: 1 takes them as they are, more brings out
            which words it nearly takes a clip for.
        share: of the teacher's opinion in what the student is fitted to; the rest is the label.
        listen_to_self: the mean of the teacher's opinion and that of the float model is taught, so
            that the student keeps what it knows.
        label_smoothing: of the labels, for teacher and student; the same as in training, so that
            a trained student is not made to become more or less sure of everything.
    """

    scheme: Literal["distilled_int8"] = "distilled_int8"
    student: Annotated[train.quantization.PlainSpec, Field(discriminator="scheme")] = _STUDENT
    teacher: ModelSpec = _TEACHER
    teacher_file: str = ""
    teacher_epochs: int = 40
    teacher_learning_rate: float = 2e-3
    epochs: int = 12
    batch: int = 64
    learning_rate: float = 5e-4
    temperature: float = 1.0
    share: float = 0.7
    listen_to_self: bool = True
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if "c" not in self.student.runs_on:
            raise SpecError(
                "student must be a scheme that runs as C. Received: "
                f"{self.student.scheme}. Choose qat_int8, incremental_int8 or another of these."
            )
        for name, low, high in (
            ("epochs", 0, 10_000),
            ("temperature", 1.0, 100.0),
            ("share", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"{name} must be from {low:g} to {high:g}. Received: {value}.")
        if not 1 <= self.teacher_epochs <= 10_000:
            raise SpecError(
                f"teacher_epochs must be from 1 to 10000. Received: {self.teacher_epochs}."
            )
        whole = self.teacher_file and not self.teacher_file.endswith(_WEIGHTS)
        if whole and self.teacher != _TEACHER:
            raise SpecError(
                f"teacher must be left out where teacher_file is a whole model, or the file must "
                f"end in {_WEIGHTS}. Received: both {self.teacher.name} and {self.teacher_file}."
            )
        self.teacher_fit()
        self.student_fit()

    @property
    def runs_on(self) -> tuple[Engine, ...]:
        """What runs the student."""
        return self.student.runs_on

    def teacher_fit(self) -> FitSpec:
        """The teacher's training."""
        return FitSpec(
            epochs=self.teacher_epochs,
            batch=self.batch,
            learning_rate=self.teacher_learning_rate,
            warmup_epochs=min(2.0, self.teacher_epochs / 4),
            label_smoothing=self.label_smoothing,
        )

    def student_fit(self) -> FitSpec:
        """The student's fine-tuning in float."""
        return FitSpec(
            epochs=max(self.epochs, 1),
            batch=self.batch,
            learning_rate=self.learning_rate,
            warmup_epochs=0.5,
        )

    def located(self, folder: Path) -> DistilledInt8:
        """The same with the paths of the user's own files begun at `folder`."""
        spec = self
        if self.teacher_file:
            spec = replace(spec, teacher_file=str(resolve(self.teacher_file, folder)))
        own = self.teacher.own_file(folder)
        if own is not None:
            name = f"{own}:{self.teacher.name.rpartition(':')[2]}"
            spec = replace(spec, teacher=replace(self.teacher, name=name))
        return spec

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize`.

        Raises:
            ModelError: a teacher with other classes, another input or no softmax; weights that are
                not finite; whatever the student's scheme refuses.
            UserError: the teacher's file cannot be read, or a training has diverged.
        """
        check_weights(model)
        start(seed)
        teacher = self._teacher(model, data.calibration)
        if not self.teacher_file:
            fit(
                teacher,
                data.train,
                data.validation,
                self.teacher_fit(),
                seed=seed,
                progress=phase(progress, "training the teacher"),
            )
        start(seed)
        student = load().keras.models.clone_model(model)
        student.set_weights(model.get_weights())
        taught = replace(
            data,
            train=Taught(
                data.train,
                (teacher, model) if self.listen_to_self else (teacher,),
                temperature=self.temperature,
                share=self.share,
                label_smoothing=self.label_smoothing,
            ),
        )
        if self.epochs:
            fit(
                student,
                taught.train,
                taught.validation,
                self.student_fit(),
                seed=seed,
                first_epoch=first_epoch,
                progress=phase(progress, "fine-tuning in float with the teacher"),
            )
        result = self.student.quantize(
            student,
            taught,
            seed=seed,
            first_epoch=first_epoch + self.epochs,
            progress=phase(progress, "fine-tuning with the teacher"),
        )
        return replace(result, notes=(*result.notes, *_judged(teacher, model, data)))

    def check_model(self, model: Any) -> None:
        """Refuse a teacher that cannot teach a model, before that model is trained.

        Args:
            model: trained or not.

        Raises:
            ModelError: a teacher with other classes, another input or no softmax.
            UserError: the teacher's file or function is not as it must be.
        """
        shape = (32, *(int(side) for side in model.input_shape[1:3]))
        noise = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
        self._teacher(model, noise)

    def _teacher(self, model: Any, clips: Features) -> Any:
        """The teacher, loaded or untrained, held to what `model` can learn from it."""
        whole = self.teacher_file and not self.teacher_file.endswith(_WEIGHTS)
        if whole:
            teacher = _loaded(Path(self.teacher_file))
        else:
            frames, width = (int(side) for side in model.input_shape[1:3])
            teacher = build_model(self.teacher, (frames, width), int(model.output_shape[-1]))
            if self.teacher_file:
                _load_weights(teacher, Path(self.teacher_file), self.teacher.name)
        check_teacher(teacher, model, clips, self.teacher_file or self.teacher.name)
        return teacher


def _loaded(path: Path) -> Any:
    _check_exists(path)
    try:
        return load().keras.models.load_model(path, compile=False)
    except Exception as error:  # the file is the user's: Keras raises whatever its content suggests
        raise UserError(
            f"teacher_file must be a model saved by Keras 2 (tf_keras). Received: {path}: "
            f"{_line(error)}."
        ) from error


def _load_weights(teacher: Any, path: Path, name: str) -> None:
    _check_exists(path)
    try:
        teacher.load_weights(path)
    except Exception as error:
        raise UserError(
            f"teacher_file must hold the weights of teacher {name}. Received: {path}: "
            f"{_line(error)}."
        ) from error


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"teacher_file must exist. Received: {path}.")


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0][:200].rstrip(".")


def _judged(teacher: Any, student: Any, data: TrainingData) -> tuple[str, ...]:
    """How teacher and float student compare on the validation clips."""
    labels = data.validation.labels
    scores = [
        float(np.mean(predictions(one, data.validation.features).argmax(axis=1) == labels))
        for one in (teacher, student)
    ]
    said = (
        f"The teacher is right on {100 * scores[0]:.1f} % of the validation clips, the float model "
        f"on {100 * scores[1]:.1f} %."
    )
    if scores[0] < scores[1] - standard_error(scores[1], len(labels)):
        said += " A teacher that knows less can hardly help: train it longer or take a larger one."
    return (said,)
