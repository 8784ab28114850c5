"""Quantization-aware fine-tuning to int8 with tfmot (`quantize_apply`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert.export import check_weights
from train.features import TrainingData
from train.fit import FitSpec, Progress, fit
from train.keras import start
from train.quantization import recurrent
from train.quantization.base import Engine, Quantized
from train.quantization.gates import install
from train.quantization.ptq_int8 import check_calibration_clips, enough_clips
from train.quantization.tfmot_int8 import quantization_aware


@dataclass(frozen=True)
class QatInt8:
    """int8 weights (per channel; dense layers per tensor) and activations, fine-tuned as such.

    Attributes:
        epochs: of fine-tuning.
        batch: clips per step.
        learning_rate: highest rate; half an epoch of warm-up, then a cosine to zero.
        label_smoothing: as in training.
        calibration_clips: at most so many clips set the ranges before the first step.
    """

    scheme: Literal["qat_int8"] = "qat_int8"
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-4
    label_smoothing: float = 0.1
    calibration_clips: int = 300

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm", "litert")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)
        self.fit_spec()

    def fit_spec(self) -> FitSpec:
        """The fine-tuning as `train.fit.fit` takes it."""
        return FitSpec(
            epochs=self.epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            warmup_epochs=0.5,
            label_smoothing=self.label_smoothing,
        )

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
            ModelError: too few calibration clips, or weights that are not finite.
            UnsupportedModelError: a layer that tfmot cannot quantize.
            UserError: the fine-tuning has diverged.
        """
        clips = enough_clips(data.calibration[: self.calibration_clips])
        check_weights(model)
        start(seed)
        aware = quantization_aware(model)
        gates = install(aware)
        gates.calibrate(clips)
        history = fit(
            aware,
            data.train,
            data.validation,
            self.fit_spec(),
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
            before_validation=gates.follow_weights,
        )
        gates.follow_weights()
        if recurrent.is_recurrent(model):
            tflite = recurrent.to_file(aware, gates, clips)
            reference = recurrent.to_file(aware, gates, clips, "float32")
            return Quantized(tflite, reference, aware, recurrent.runs_on(model), history)
        tflite, reference = gates.convert()
        return Quantized(tflite, reference, aware, self.runs_on, history)
