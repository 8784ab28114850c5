"""Weights of 4 bits in the order in which the DSP kernels read them (ws_kernels_dsp.h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.codebook import is_linear
from convert.graph import CODES, Codes
from convert.nibbles import pack_nibbles


@dataclass(frozen=True)
class Packed:
    """Weights of 4 bits for a DSP kernel.

    Attributes:
        codes: bytes.
        tables: int8 (tables, 16); None where the bytes hold the weights themselves.
    """

    codes: NDArray[np.uint8]
    tables: NDArray[np.int8] | None

    @property
    def table_step(self) -> int:
        """Bytes from a channel's table to the next channel's: 0 where all share one."""
        return CODES if self.tables is not None and len(self.tables) > 1 else 0


def filled_values(codes: Codes, rows: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The weights of `rows` (channels, rows, codes), as its tables say."""
    if len(codes.tables) == 1:
        values: NDArray[np.int8] = codes.tables[0][rows]
        return values
    return np.stack([table[row] for table, row in zip(codes.tables, rows, strict=True)])


def in_pairs(codes: Codes, rows: NDArray[np.uint8]) -> Packed | None:
    """A byte per value of two channels a and b: 16 a + b, or a's index beside b's.

    Args:
        codes: says whether the indices are the weights, and holds the tables.
        rows: indices, (channels, values).

    Returns:
        None where 16 a + b does not fit int8, which only -8 beside a negative weight does not.
    """
    even = np.pad(rows, ((0, len(rows) % 2), (0, 0)))
    b, a = even[0::2], even[1::2]
    if not is_linear(codes):
        tables = codes.tables
        if len(tables) > 1 and len(rows) % 2:
            tables = np.concatenate([tables, tables[:1]])
        return Packed((a << 4 | b).astype(np.uint8), tables)
    both = 16 * _numbers(a) + _numbers(b)
    if both.size and both.min() < -128:
        return None
    return Packed(both.astype(np.int8).view(np.uint8), None)


def by_channel(codes: Codes, rows: NDArray[np.uint8]) -> Packed:
    """Two codes per byte, the first in the low half, each channel from a byte on.

    Args:
        codes: as for `in_pairs`.
        rows: indices, (channels, values).
    """
    even = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
    bytes_ = pack_nibbles(even).reshape(len(rows), -1)
    return Packed(bytes_, None if is_linear(codes) else codes.tables)


def _numbers(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    return (codes.astype(np.int32) ^ 8) - 8
