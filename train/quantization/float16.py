"""float16 weights, float32 arithmetic. LiteRT only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert.export import to_tflite
from train.features import TrainingData
from train.fit import Progress
from train.quantization.base import Engine, Quantized


@dataclass(frozen=True)
class Float16:
    """Weights rounded to float16; LiteRT widens them when it loads the file.

    Half the file, for devices that have LiteRT. TFLite Micro cannot run it.
    """

    scheme: Literal["float16"] = "float16"

    runs_on: ClassVar[tuple[Engine, ...]] = ("litert",)

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
            ModelError: weights that are not finite, or of a size that float16 has no number for.
        """
        return Quantized(
            to_tflite(model, "float16"),
            to_tflite(model, "float32"),
            model,
            self.runs_on,
            notes=("float16 models run in LiteRT only, not on a microcontroller.",),
        )
