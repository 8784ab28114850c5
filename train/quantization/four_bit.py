"""The schemes that give all layers weights of 4 bits of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from train.features import TrainingData
from train.fit import Progress
from train.quantization.base import Quantized
from train.quantization.low_bit import LowBitWeights, Method, check_methods, choose, train_low_bit
from train.quantization.tuning import FineTuned


@dataclass(frozen=True)
class FourBit(FineTuned, ABC):
    """Options that they have in common, besides those of `FineTuned`.

    Attributes:
        keep_int8: names of layers that stay at 8 bits.
    """

    epochs: int = 8
    keep_int8: tuple[str, ...] = ()

    method: ClassVar[Method]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.weights()

    @abstractmethod
    def weights(self) -> LowBitWeights:
        """How the weights are rounded.

        Raises:
            SpecError: an option is out of range.
        """

    def check_model(self, model: Any) -> None:
        """Refuse, before training, a network whose weights cannot have 4 bits.

        Raises:
            SpecError: a name in `keep_int8` that no layer with weights has.
            UnsupportedModelError: a layer that has no 4-bit kernel and is not in `keep_int8`.
        """
        check_methods(model, choose(model, self.method, self.keep_int8))

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
            choose(model, self.method, self.keep_int8),
            self.weights(),
            self.fit_spec(),
            calibration_clips=self.calibration_clips,
            runs_on=self.runs_on,
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
        )
