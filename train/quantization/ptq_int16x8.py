"""Post-training quantization to int16 activations and int8 weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert.export import to_tflite
from train.features import TrainingData
from train.fit import Progress
from train.quantization.base import Engine, Quantized
from train.quantization.calibration import check_calibration_clips


@dataclass(frozen=True)
class PtqInt16x8:
    """int8 weights per channel, int16 activations with zero point 0, sums and biases of 64 bits.

    LiteRT is not among the engines: it has no QUANTIZE from int8 to int16, which stands first.

    Attributes:
        calibration_clips: at most so many clips decide the ranges of the activations.
    """

    scheme: Literal["ptq_int16x8"] = "ptq_int16x8"
    calibration_clips: int = 300

    runs_on: ClassVar[tuple[Engine, ...]] = ("c", "tflm")

    def __post_init__(self) -> None:
        check_calibration_clips(self.calibration_clips)

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
        """
        clips = data.calibration[: self.calibration_clips]
        tflite = to_tflite(model, "int16x8", representative=clips)
        return Quantized(tflite, to_tflite(model, "float32"), model, self.runs_on)
