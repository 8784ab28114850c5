"""Weights of two channels in half-words, as ws_kernels_dsp.h tells."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.fast_types import NO_CORRECTION, UNITS, Halves

_T = TypeVar("_T", np.int8, np.uint8)

_TERMS = 512  # 512 * 128 * 2^15 = 2^31: these many values at a time fit int32, almost
_INT32 = 1 << 31


def filled(rows: NDArray[_T]) -> NDArray[_T]:
    """(channels, rows, values), values filled up with zeros to a multiple of four."""
    return np.pad(rows, ((0, 0), (0, 0), (0, -rows.shape[2] % 4)))


def halves_of(weights: NDArray[np.int8]) -> Halves | None:
    """(channels, values) -> half-words b + 256 * a; None where their sums would not fit int32.

    Of four neighbouring values the pairs are (0, 2) and (1, 3).
    """
    channels, count = weights.shape
    wide = np.pad(weights.astype(np.int32), ((0, channels % 2), (0, 0)))
    low, high = wide[0::2], wide[1::2]
    both = low + 256 * high
    below = np.argwhere(both < -(1 << 15))
    both = np.where(both < -(1 << 15), both + (1 << 16), both)
    sizes = 128 * (np.abs(both).astype(np.int64) + np.abs(low))
    chunk = count
    if sizes.sum(axis=1).max(initial=0) >= _INT32:
        chunk = _TERMS
        starts = np.arange(0, count, chunk)
        if len(below) and np.add.reduceat(sizes, starts, axis=1).max() >= _INT32:
            return None
    quads = both.reshape(len(both), count // 4, 2, 2)  # values 0 1 2 3 as [[0, 1], [2, 3]]
    pairs = quads.transpose(0, 1, 3, 2).reshape(len(both), count // 2, 2)
    places = (below * [2, 1] + [1, 0]).astype(np.int32)
    return Halves(
        np.ascontiguousarray(pairs.astype(np.int16)),
        chunk,
        np.concatenate([places.reshape(-1, 2), NO_CORRECTION]),
    )


def in_eights(words: NDArray[np.int16]) -> NDArray[np.int16]:
    """Half-words (channels / 2, pairs, 2) of a multiple of eight channels, for ws_dot_1x8."""
    pairs = words.shape[1]
    return words.reshape(-1, UNITS // 2, pairs, 2).transpose(0, 2, 1, 3).reshape(-1)
