"""4-bit logarithmic weights, int8 activations, fine-tuned as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from train.quantization.four_bit import FourBit
from train.quantization.low_bit import LowBitWeights, Method


@dataclass(frozen=True)
class Log4(FourBit):
    """Weights ±S · base^k with k from 0 to 6, or 0: few large ones, finely divided small ones.

    The largest magnitude of each output channel (in dense layers: of the tensor) is the largest
    level, so that in int8 all channels hold the same 15 numbers. The `.tflite` is a plain int8 one;
    the generated C keeps 4 bits per weight and a table of 16 numbers. The other options are those
    of `FourBit`.

    Attributes:
        base: ratio of neighbouring levels, 1 + alpha: 1.1 to 2.2; 2 makes powers of two.
    """

    scheme: Literal["log4"] = "log4"
    base: float = 1.5

    method: ClassVar[Method] = "log4"

    def weights(self) -> LowBitWeights:
        """How the weights are rounded."""
        return LowBitWeights(base=self.base)
