"""No quantization: the baseline that the others are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert.export import to_tflite
from train.features import TrainingData
from train.fit import Progress
from train.quantization.base import Engine, Quantized


@dataclass(frozen=True)
class Float32:
    """float32 weights and arithmetic. Runs in LiteRT and TFLite Micro, not as generated C."""

    scheme: Literal["float32"] = "float32"

    runs_on: ClassVar[tuple[Engine, ...]] = ("tflm", "litert")

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize`."""
        data_ = to_tflite(model, "float32")
        return Quantized(data_, data_, model, self.runs_on)
