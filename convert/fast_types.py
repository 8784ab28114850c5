"""What the DSP kernels are given of a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.fast_codes import Packed
from convert.fast_outputs import Outputs
from convert.overlap import Overlaps
from convert.params import (
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    MeanParams,
    PoolParams,
)

WORD, HALF = 4, 2
UNITS = 8  # of FULLY_CONNECTED at a time
NO_CORRECTION = np.array([[np.iinfo(np.int32).max, 0]], np.int32)


@dataclass(frozen=True)
class Halves:
    """Weights of two channels a and b in half-words.

    Attributes:
        words: int16 (channels / 2, rounded up, values / 2, 2), 256 * a + b.
        chunk: values, whose sums of 256 * a + b fit int32.
        too_low: int32 (places + 1, 2), a's channel and its value where 2^16 was added to make
            256 * a + b fit; in order, and ended by a channel that does not exist.
    """

    words: NDArray[np.int16]
    chunk: int
    too_low: NDArray[np.int32]


@dataclass(frozen=True)
class Plane:
    """How a channel of DEPTHWISE_CONV_2D is copied; (rows, columns) as copied, in values.

    Attributes:
        turned: rows and columns are exchanged.
        sides: of the copy, with padding; columns are even.
    """

    turned: bool
    sides: tuple[int, int]


@dataclass(frozen=True)
class Fast:
    """One layer for the DSP kernels.

    Attributes:
        params: of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED; not always what the operator is.
        weights: int16 half-words of two channels, int8 or int16 for DEPTHWISE_CONV_2D, or 4 bits.
        outputs: what follows the sums.
        pairs: of values per output; 0 for DEPTHWISE_CONV_2D.
        scratch: bytes.
        overlaps: how far apart inputs and output must lie.
        scratch_step: bytes by which scratch memory moves on after each tile of a convolution.
        plane: for DEPTHWISE_CONV_2D channel by channel; None where it goes tap by tap.
    """

    params: ConvParams | DepthwiseConvParams | FullyConnectedParams
    weights: Halves | NDArray[np.int8] | NDArray[np.int16] | Packed
    outputs: Outputs
    pairs: int
    scratch: int
    overlaps: Overlaps
    plane: Plane | None = None
    scratch_step: int = 0


@dataclass(frozen=True)
class FastColumns:
    """One layer for a DSP kernel that takes the parameters of the plain one.

    Attributes:
        params: of the operator.
        overlaps: how far apart input and output must lie.
        scratch: bytes.
    """

    params: PoolParams | MeanParams
    overlaps: Overlaps
    scratch: int = 0
