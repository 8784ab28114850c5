"""CONV_2D with groups for the DSP kernels: constants in the order in which they are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.fast_halves import filled, halves_of
from convert.fast_outputs import outputs_of
from convert.fast_types import WORD, Fast
from convert.overlap import by_tiles
from convert.params import ConvParams

_POSITIONS = 4  # of a tile
_GROUP_DEPTH = 3  # WS_GROUP_DEPTH


def grouped(
    p: ConvParams, weights: NDArray[np.int8], bias: NDArray[np.int32] | None
) -> Fast | None:
    """The layer for the DSP kernels, or None where the plain kernel must do it.

    Args:
        p: with more than one group.
        weights: (channels, height, width, input channels of a group).
        bias: int32, one per output channel, or None.
    """
    channels, height, width, depth = p.filter_shape
    taps = height * width
    if depth < _GROUP_DEPTH:
        whole = filled(weights.reshape(channels, 1, -1)).reshape(channels, -1, 2, 2)
        values = whole.swapaxes(2, 3).reshape(channels, -1)  # pairs of neighbours
    else:
        values = filled(weights.reshape(channels, taps, depth)).reshape(channels, -1)
    outputs = outputs_of(p, values, bias)
    if outputs is None:
        return None
    values = np.where(outputs.constant[:, np.newaxis], np.int8(0), values)
    order = even_groups(channels, p.groups)
    halves = halves_of(values[order])
    if halves is None:
        return None
    pairs = values.shape[1] // 2
    return Fast(
        params=p,
        weights=halves,
        outputs=outputs.of(order),
        pairs=pairs,
        scratch=group_windows(p) + _POSITIONS * WORD * pairs,
        overlaps=by_tiles(p, _POSITIONS),
    )


def group_windows(p: ConvParams) -> int:
    """Bytes of scratch memory for what the positions of a tile see (ws_each_group)."""
    _, height, width, _ = p.filter_shape
    return 0 if p.groups == 1 else _POSITIONS * height * width * p.input_shape[3]


def even_groups(channels: int, groups: int) -> NDArray[np.int64]:
    """Channels in order, the last of each group twice where groups have an odd number of them."""
    order = np.arange(channels).reshape(groups, -1)
    return np.pad(order, ((0, 0), (0, order.shape[1] % 2)), mode="edge").reshape(-1)
