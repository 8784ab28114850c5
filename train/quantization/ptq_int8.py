"""Post-training quantization to int8: ranges from calibration clips, no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert.errors import SpecError
from convert.export import check_weights, to_tflite
from train.features import TrainingData
from train.fit import Progress
from train.quantization import recurrent
from train.quantization.base import Engine, Quantized
from train.quantization.calibration import check_calibration_clips, enough_clips
from train.quantization.ranges import quantized
from train.quantization.recurrent_ptq import after_training


@dataclass(frozen=True)
class PtqInt8:
    """int8 weights (per channel, also in dense layers) and activations.

    Attributes:
        calibration_clips: at most so many clips decide the ranges of the activations.
        calibration: how: "min_max" takes every value in; "percentile" leaves out the outermost;
            "mse" takes the range with the least squared error, outliers clipped where that pays.
        percentile: percent of an activation's values that "percentile" takes in.
    """

    scheme: Literal["ptq_int8"] = "ptq_int8"
    calibration_clips: int = 300
    calibration: Literal["min_max", "percentile", "mse"] = "min_max"
    percentile: float = 99.99

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm", "litert")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)
        if not 90 <= self.percentile <= 100:
            raise SpecError(f"percentile must be from 90 to 100. Received: {self.percentile}.")

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
            UnsupportedModelError: a layer that "percentile" and "mse" cannot look behind.
        """
        clips = enough_clips(data.calibration[: self.calibration_clips])
        check_weights(model)
        if self.calibration != "min_max" and recurrent.is_recurrent(model):
            recurrent.refuse(model, f"calibration {self.calibration}", 'calibration = "min_max"')
        if recurrent.needs_writer(model):
            tflite, reference = after_training(model, clips)
            return Quantized(tflite, reference, model, recurrent.runs_on(model))
        if self.calibration == "min_max":
            tflite = to_tflite(model, "int8", representative=clips)
        else:
            tflite = quantized(model, clips, self.calibration, self.percentile)
        return Quantized(tflite, to_tflite(model, "float32"), model, self.runs_on)
