"""Options of a scheme that calibrates the ranges and then fine-tunes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from train.fit import FitSpec
from train.quantization.base import Engine
from train.quantization.calibration import check_calibration_clips


@dataclass(frozen=True)
class FineTuned:
    """What all of them have; a scheme gives a field again where it needs another default.

    Attributes:
        epochs: of fine-tuning.
        batch: clips per step.
        learning_rate: highest rate; half an epoch of warm-up, then a cosine to zero.
        label_smoothing: as in training.
        calibration_clips: at most so many clips set the ranges before the first step.
    """

    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-4
    label_smoothing: float = 0.1
    calibration_clips: int = 300

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm", "litert")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)
        self.fit_spec()

    def fit_spec(self, epochs: int | None = None, learning_rate: float | None = None) -> FitSpec:
        """The fine-tuning, or one phase of it with its own numbers, as `train.fit.fit` takes it.

        Raises:
            SpecError: an option is out of range.
        """
        return FitSpec(
            epochs=self.epochs if epochs is None else epochs,
            batch=self.batch,
            learning_rate=self.learning_rate if learning_rate is None else learning_rate,
            warmup_epochs=0.5,
            label_smoothing=self.label_smoothing,
        )
