"""ADD for the DSP kernels: which sums they compute, and the numbers they do it with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.fast_outputs import Outputs
from convert.overlap import Overlaps, plain
from convert.params import Params
from convert.params_binary import AddParams

_LEFT_SHIFT = 20
_HALF = 1 << 30  # Q0.31
_MOST_SHIFT = 21


@dataclass(frozen=True)
class FastAdd:
    """A sum of two tensors of the same shape.

    Attributes:
        params: of the operator.
        scaled: which input, 0 or 1, is rescaled by `multiplier` and `shift`; the other is halved.
        first: what is added to the scaled input, times 2^21.
        multiplier: Q0.31.
        shift: to the right, 0 to 30.
        outputs: one channel.
        scratch: bytes.
        overlaps: how far apart inputs and output must lie.
    """

    params: AddParams
    scaled: int
    first: int
    multiplier: int
    shift: int
    outputs: Outputs
    overlaps: Overlaps
    scratch: int = 0


def fast_add(p: Params) -> FastAdd | None:
    """The sum for the DSP kernel, or None where the plain kernel must do it.

    With t = 2 * max(scale1, scale2), inputs are scaled by scale / t: the one with the larger scale
    by exactly 1/2, which needs no rounding. Where both are, one is made positive, so that rounding
    has nothing to do: (x + 128) * 2^21 * 2^30 / 2^32.

    Args:
        p: of any operator with int8 values.
    """
    if not isinstance(p, AddParams) or p.input1_shape != p.input2_shape:
        return None
    sides = (
        (p.input1_offset, p.input1_multiplier, p.input1_shift),
        (p.input2_offset, p.input2_multiplier, p.input2_shift),
    )
    halved = [
        i for i, (_, multiplier, shift) in enumerate(sides) if (multiplier, shift) == (_HALF, 0)
    ]
    if not halved or p.left_shift != _LEFT_SHIFT or p.input1_shape != p.output_shape:
        return None
    scaled = 1 - halved[0]
    offset, multiplier, shift = sides[scaled]
    bias = sides[halved[0]][0] << 20
    if shift == 0 and multiplier == _HALF:
        first = 128 << 21
        bias += (offset - 128) << 20
    elif 1 <= -shift <= 30:
        first = offset << 21
    else:
        return None
    if not 1 <= -p.output_shift <= _MOST_SHIFT:
        return None
    one = np.ones(1, np.int32)
    outputs = Outputs(
        bias * one, p.output_multiplier * one, -p.output_shift * one, np.zeros(1, np.bool_)
    )
    return FastAdd(p, scaled, first, multiplier, -shift, outputs, plain(p))
