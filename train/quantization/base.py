"""What every quantization scheme takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from train.features import TrainingData
from train.fit import History, Progress

Engine = Literal["c", "tflm", "litert"]
"""What can run a .tflite: the generated C, TFLite Micro, LiteRT on a desk computer."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized model.

    Attributes:
        tflite: the file.
        reference: a float32 .tflite with the same weights and the same operators, for the
            signal-to-noise ratio of every layer.
        keras: the Keras model that was converted.
        runs_on: engines that can run `tflite`.
        history: of the fine-tuning, None where there is none.
        notes: what the user should know, a sentence each.
    """

    tflite: bytes
    reference: bytes
    keras: Any
    runs_on: tuple[Engine, ...]
    history: History | None = None
    notes: tuple[str, ...] = ()


class Scheme(Protocol):
    """A frozen dataclass with the scheme's options; its `scheme` field is the name."""

    @property
    def scheme(self) -> str:
        """The name that a project file uses."""
        ...

    @property
    def runs_on(self) -> tuple[Engine, ...]:
        """Engines that can run the file it makes."""
        ...

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """Quantize a trained float model, which is left as it is.

        Args:
            model: the trained tf_keras model.
            data: what may be looked at.
            seed: of everything drawn.
            first_epoch: epochs of `data.train` that training has used.
            progress: called after every step of a fine-tuning.
        """
        ...
