"""4-bit weights on an even grid, int8 activations, fine-tuned as such: a real INT4 `.tflite`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from train.features import TrainingData
from train.fit import FitSpec, Progress
from train.quantization.base import Engine, Quantized
from train.quantization.low_bit import (
    LowBitWeights,
    check_methods,
    choose,
    low_bit_fit,
    train_low_bit,
)
from train.quantization.ptq_int8 import check_calibration_clips
from train.quantization.quantizers import Clip


@dataclass(frozen=True)
class LinearInt4:
    """Weights k · S with k from -7 to 7: two in a byte of flash.

    One S per output channel in convolutions, one per tensor in dense layers (TFLite Micro refuses
    INT4 dense layers with more).

    Attributes:
        epochs: of fine-tuning.
        batch: clips per step.
        learning_rate: highest rate; half an epoch of warm-up, then a cosine to zero.
        label_smoothing: as in training.
        clip: where the largest level stands: "max", the largest weight of the channel, or "mse",
            where the squared error is least.
        keep_int8: names of layers that stay at 8 bits.
        calibration_clips: at most so many clips set the ranges before the first step.
    """

    scheme: Literal["linear_int4"] = "linear_int4"
    epochs: int = 8
    batch: int = 64
    learning_rate: float = 2e-4
    label_smoothing: float = 0.1
    clip: Clip = "max"
    keep_int8: tuple[str, ...] = ()
    calibration_clips: int = 300

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm", "litert")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)
        LowBitWeights(clip=self.clip)
        self.fit_spec()

    def fit_spec(self) -> FitSpec:
        """The fine-tuning as `train.fit.fit` takes it."""
        return low_bit_fit(self.epochs, self.batch, self.learning_rate, self.label_smoothing)

    def check_model(self, model: Any) -> None:
        """Refuse, before training, a network whose weights cannot have 4 bits.

        Raises:
            SpecError: a name in `keep_int8` that no layer with weights has.
            UnsupportedModelError: a layer that has no 4-bit kernel and is not in `keep_int8`.
        """
        check_methods(model, choose(model, "int4", self.keep_int8))

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize` and `low_bit.train_low_bit`.

        Raises:
            SpecError: a name in `keep_int8` that no layer with weights has.
            UnsupportedModelError: a layer that has no 4-bit kernel and is not in `keep_int8`.
        """
        return train_low_bit(
            model,
            data,
            choose(model, "int4", self.keep_int8),
            LowBitWeights(clip=self.clip),
            self.fit_spec(),
            calibration_clips=self.calibration_clips,
            runs_on=self.runs_on,
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
        )
