"""4-bit logarithmic weights, int8 activations, fine-tuned as such."""

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


@dataclass(frozen=True)
class Log4:
    """Weights ±S · base^k with k from 0 to 6, or 0: few large ones, finely divided small ones.

    The largest magnitude of each output channel (in dense layers: of the tensor) is the largest
    level, so that in int8 all channels hold the same 15 numbers. The `.tflite` is a plain int8 one;
    the generated C keeps 4 bits per weight and a table of 16 numbers.

    Attributes:
        base: ratio of neighbouring levels, 1 + alpha: 1.1 to 2.2; 2 makes powers of two.
        epochs: of fine-tuning.
        batch: clips per step.
        learning_rate: highest rate; half an epoch of warm-up, then a cosine to zero.
        label_smoothing: as in training.
        keep_int8: names of layers that stay at 8 bits.
        calibration_clips: at most so many clips set the ranges before the first step.
    """

    scheme: Literal["log4"] = "log4"
    base: float = 1.5
    epochs: int = 8
    batch: int = 64
    learning_rate: float = 2e-4
    label_smoothing: float = 0.1
    keep_int8: tuple[str, ...] = ()
    calibration_clips: int = 300

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm", "litert")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)
        LowBitWeights(base=self.base)
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
        check_methods(model, choose(model, "log4", self.keep_int8))

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
            choose(model, "log4", self.keep_int8),
            LowBitWeights(base=self.base),
            self.fit_spec(),
            calibration_clips=self.calibration_clips,
            runs_on=self.runs_on,
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
        )
