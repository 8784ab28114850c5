"""DEPTHWISE_CONV_2D for the DSP kernels: constants in the order in which they are read."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.fast_codes import by_channel
from convert.fast_outputs import outputs_of
from convert.fast_types import HALF, WORD, Fast, Plane
from convert.graph import Codes
from convert.overlap import by_planes, by_positions
from convert.params import DepthwiseConvParams

_QUAD = 4  # channels that go together tap by tap
_PLACE = 8  # bytes of scratch memory for a pointer, on any machine

_T = TypeVar("_T", np.int8, np.uint8)


def depthwise(
    p: DepthwiseConvParams,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    codes: Codes | None,
) -> Fast | None:
    """The layer for the DSP kernels, or None where the plain kernel must do it.

    Args:
        p: of more than one input channel.
        weights: (1, height, width, channels).
        bias: int32, one per output channel, or None.
        codes: how the weights are kept in 4 bits, or None.
    """
    _, height, width, channels = p.filter_shape
    small = (height, width) == (3, 3) and p.stride == p.dilation == (1, 1)
    if codes is None and channels >= _QUAD and not small and p.depth_multiplier == 1:
        return _by_taps(p, weights, bias)
    if p.dilation != (1, 1):
        return None
    kept, turned = _plane(p, turned=False), _plane(p, turned=True)
    plane = turned if _work(p, turned) < _work(p, kept) else kept

    def ordered(values: NDArray[_T]) -> NDArray[_T]:
        by_channels = np.moveaxis(values.reshape(height, width, channels), 2, 0)
        if plane.turned:
            by_channels = np.moveaxis(by_channels, 2, 1)
        return by_channels.copy()  # of 1x1 filters it would be the graph's own array

    values = ordered(weights)
    outputs = outputs_of(p, values.reshape(channels, -1), bias, fixed=codes is not None)
    if outputs is None:
        return None
    values[outputs.constant] = 0
    rows, columns = plane.sides
    scratch = HALF * rows * columns + WORD * values.shape[1] * (-(-values.shape[2] // 2))
    packed = None
    if codes is not None:
        packed = by_channel(codes, ordered(codes.indices).reshape(channels, -1))
        scratch += height * width
    return Fast(
        params=p,
        weights=values if packed is None else packed,
        outputs=outputs,
        pairs=0,
        scratch=scratch,
        overlaps=by_planes(p),
        plane=plane,
    )


def _by_taps(
    p: DepthwiseConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Fast | None:
    """Tap by tap, four channels at a time."""
    channels = p.filter_shape[3]
    values = weights.reshape(-1, channels).T.copy()
    outputs = outputs_of(p, values, bias)
    if outputs is None:
        return None
    values[outputs.constant] = 0
    odd = np.pad(values, ((0, 0), (0, 1 - values.shape[1] % 2)))
    first = np.minimum(np.arange(0, channels, _QUAD), channels - _QUAD)
    quads = odd[first[:, np.newaxis] + [0, 2, 1, 3]]  # (quads, 4, taps)
    return Fast(
        params=p,
        weights=np.ascontiguousarray(quads.transpose(0, 2, 1).astype(np.int16)),
        outputs=outputs,
        pairs=0,
        scratch=_PLACE * odd.shape[1] + channels,
        overlaps=by_positions(p),
    )


def _plane(p: DepthwiseConvParams, *, turned: bool) -> Plane:
    """A copy with room for all that is read: two values at a time, four for two outputs of 3x3."""
    down, along = (1, 0) if turned else (0, 1)
    rows = max(
        p.padding[down] + p.input_shape[1 + down],
        (p.output_shape[1 + down] - 1) * p.stride[down] + p.filter_shape[1 + down],
    )
    columns = max(
        p.padding[along] + p.input_shape[1 + along],
        (p.output_shape[1 + along] - 1) * p.stride[along] + _even(p.filter_shape[1 + along]),
        _even(p.output_shape[1 + along]) + 2 if p.stride[along] == 1 else 0,
    )
    return Plane(turned, (rows, _even(columns)))


def _work(p: DepthwiseConvParams, plane: Plane) -> int:
    """Products that are computed, those for nothing included."""
    along, across = (0, 1) if plane.turned else (1, 0)
    outputs = p.output_shape[1 + across] * _even(p.output_shape[1 + along])
    return outputs * p.filter_shape[1 + across] * _even(p.filter_shape[1 + along])


def _even(count: int) -> int:
    return count + count % 2
