"""From sums to int8 as the DSP kernels do it: one bias, multiplier and shift per output channel.

The kernels rescale with few instructions because of three conditions (`ws_rescale` in
firmware/include/ws_dsp.h): twice a sum fits int32, the shift goes to the right, and not by more
than 21. Real models have channels that miss them: an output that never changes has a scale of
almost nothing, and with it a shift of 31 and a bias of 2^30. What such a channel computes is still
a simple function of its sum, rising in one step at most, which other numbers describe within the
conditions. They are found here, and the function is compared at the ends of its steps, between
which nothing can differ because it never falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.fixedpoint import multiply_by_quantized_multiplier
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams

_MOST_SHIFT = 21  # the rounding constant, 255 << 20 at most, and a value below 2^30 fit int32
_SUM_LIMIT = 1 << 30  # twice a sum, bias included, must fit int32
_LARGE = 1 << 28  # an output whose bias is so far from 0 most likely never changes
_INT32 = 1 << 31


@dataclass(frozen=True)
class Outputs:
    """How the sums of each channel become int8.

    Attributes:
        bias: int32, doubled; the input's offset times the sum of weights is in it.
        multiplier: int32, Q0.31.
        shift: int32, to the right, 1 to 21; 0 and less, which is to the left, only where not
            `usual`.
        constant: bool, channels whose output is always the same; the weights do not matter and
            must be taken as 0.
    """

    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    constant: NDArray[np.bool_]

    @property
    def usual(self) -> bool:
        """All shifts are to the right."""
        return bool((self.shift >= 1).all())

    def of(self, channels: NDArray[np.int64]) -> Outputs:
        """Those of some channels, in the order given."""
        return Outputs(
            self.bias[channels],
            self.multiplier[channels],
            self.shift[channels],
            self.constant[channels],
        )


def outputs_of(
    p: ConvParams | DepthwiseConvParams | FullyConnectedParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    *,
    fixed: bool = False,
) -> Outputs | None:
    """The numbers of all channels; None where a channel is out of the kernels' reach.

    Args:
        p: of the layer.
        weights: (channels, values).
        bias: int32, one per channel, or None.
        fixed: the kernel reads the weights in another form that has no zeros to offer.
    """
    wide = weights.astype(np.int64)
    start = p.input_offset * wide.sum(axis=1)
    if bias is not None:
        start = start + bias
    low = start + (-128 * np.maximum(wide, 0) + 127 * np.minimum(wide, 0)).sum(axis=1)
    high = start + (127 * np.maximum(wide, 0) - 128 * np.minimum(wide, 0)).sum(axis=1)
    rows = []
    for channel, (first, least, most) in enumerate(
        zip(start.tolist(), low.tolist(), high.tolist(), strict=True)
    ):
        row = _channel(p, channel, first, least, most, fixed)
        if row is None:
            return None
        rows.append(row)
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Outputs(
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int32),
        table[:, 2].astype(np.int32),
        table[:, 3].astype(np.bool_),
    )


_Row = tuple[int, int, int, bool]


def _channel(
    p: ConvParams | DepthwiseConvParams | FullyConnectedParams,
    channel: int,
    start: int,
    low: int,
    high: int,
    fixed: bool,
) -> _Row | None:
    """(doubled bias, multiplier, shift, constant) for sums `start` + dot, all in [low, high]."""
    multiplier, shift = p.multiplier[channel], p.shift[channel]
    fits = min(low, start) > -_SUM_LIMIT and max(high, start) < _SUM_LIMIT
    usual = (2 * start, multiplier, -shift, False) if fits and 1 <= -shift <= _MOST_SHIFT else None
    if usual is not None and abs(start) < _LARGE:
        return usual
    if low < -_INT32 or high >= _INT32:
        return None  # TFLite Micro's sums wrap
    reach = max(-low, high) << max(shift, 0)
    if reach < _INT32:  # no left shift wraps: what follows never falls

        def output(total: int) -> int:
            scaled = int(multiply_by_quantized_multiplier(total, multiplier, shift))
            moved = scaled + p.output_offset
            return max(p.activation_min, min(p.activation_max, moved))

        found = _steps(output, p.output_offset, start, low, high, fixed)
        if found is not None:
            return found
    return (2 * start, multiplier, -shift, False) if fits and shift >= 0 else usual


def _steps(
    output: Callable[[int], int], offset: int, start: int, low: int, high: int, fixed: bool
) -> _Row | None:
    """Numbers for a function with one value or two neighbouring ones; None for all others."""
    first, last = output(low), output(high)
    if first == last and (not fixed or low == high):
        # SMMULR(8d, 2^30) = 2d, and (2d + rounding) >> 1 = d + offset.
        return 8 * (first - offset), 1 << 30, 1, True
    if last > first + 1:
        return None
    if first == last:
        threshold = low  # nothing below it: a step that is never seen
    else:
        below, threshold = low, high
        while threshold - below > 1:
            middle = (below + threshold) // 2
            below, threshold = (middle, threshold) if output(middle) == first else (below, middle)
    # A unit of the output is made longer than all sums: 2^(shift + halvings). The first rounding
    # halves `halvings` times, upwards; the second is at half a unit, for negative values one later.
    unit = (high - low).bit_length() + 1
    shift = max(1, min(unit - 1, _MOST_SHIFT))
    halvings = unit - shift
    step = (last - offset << shift) - (1 << shift - 1)
    step += 1 if step < 0 else 0
    moved = (step << halvings) - (1 << halvings - 1) - threshold
    multiplier = 1 << 31 - halvings
    bias = 2 * (start + moved)

    def told(total: int) -> int:
        return rescaled(2 * (total + moved), multiplier, shift, offset)

    if not all(-_SUM_LIMIT < v + moved < _SUM_LIMIT for v in (low, high, start)):
        return None
    ends = {low, high, threshold, max(low, threshold - 1)}
    if any(told(total) != output(total) for total in ends):
        return None
    return bias, multiplier, shift, False


def rescaled(doubled: int, multiplier: int, shift: int, offset: int) -> int:
    """`ws_rescale_s8`, shift and zero point as there, with all of its roundings."""
    scaled = (doubled * multiplier + (1 << 31)) >> 32
    rounding = (2 * offset + 1 << shift) >> 1
    return max(-128, min(127, (scaled + (scaled >> 31) + rounding) >> shift))
