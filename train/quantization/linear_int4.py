"""4-bit weights on an even grid, int8 activations, fine-tuned as such: a real INT4 `.tflite`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from train.quantization.four_bit import FourBit
from train.quantization.low_bit import LowBitWeights, Method
from train.quantization.quantizers import Clip


@dataclass(frozen=True)
class LinearInt4(FourBit):
    """Weights k · S with k from -7 to 7: two in a byte of flash.

    One S per output channel in convolutions, one per tensor in dense layers (TFLite Micro refuses
    INT4 dense layers with more). The other options are those of `FourBit`.

    Attributes:
        clip: where the largest level stands: "max", the largest weight of the channel, or "mse",
            where the squared error is least.
    """

    scheme: Literal["linear_int4"] = "linear_int4"
    clip: Clip = "max"

    method: ClassVar[Method] = "int4"

    def weights(self) -> LowBitWeights:
        """How the weights are rounded."""
        return LowBitWeights(clip=self.clip)
