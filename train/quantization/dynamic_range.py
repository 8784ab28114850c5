"""Dynamic-range quantization: int8 weights, float activations. LiteRT only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from convert import tflite_reader
from convert.export import to_tflite
from train.features import TrainingData
from train.fit import Progress
from train.quantization.base import Engine, Quantized


@dataclass(frozen=True)
class DynamicRange:
    """int8 weights, activations quantized on the fly by LiteRT; TFLite Micro cannot run it.

    The converter leaves weights of under 1024 elements float; a note says which.
    """

    scheme: Literal["dynamic_range"] = "dynamic_range"

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
        """See `Scheme.quantize`."""
        tflite = to_tflite(model, "dynamic_range")
        left = [
            f"{t.name} ({t.size})"
            for t in tflite_reader.read(tflite).tensors
            if t.data is not None and t.dtype == "float32" and len(t.shape) >= 2
        ]
        notes = ["Dynamic-range models run in LiteRT only, not on a microcontroller."]
        if left:
            notes.append(
                "The converter left these small weights float (elements): " + ", ".join(left) + "."
            )
        return Quantized(
            tflite, to_tflite(model, "float32"), model, self.runs_on, notes=tuple(notes)
        )
