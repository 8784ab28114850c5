"""Two 4-bit values per byte, the first in the low half: the order of TFLite's INT4 and of our C."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack_nibbles(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Two values of 4 bits per byte, the first in the low half; an odd last one stands alone.

    Args:
        values: integers of any shape, taken in row-major order; only the low four bits count.

    Returns:
        (ceil(size / 2),) uint8.
    """
    flat = values.reshape(-1).astype(np.uint8) & np.uint8(15)
    if flat.size % 2:
        flat = np.append(flat, np.uint8(0))
    packed: NDArray[np.uint8] = flat[0::2] | (flat[1::2] << np.uint8(4))
    return packed


def unpack_nibbles(packed: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The inverse of `pack_nibbles`: `count` values of 0 to 15."""
    flat = np.empty(2 * packed.size, np.uint8)
    flat[0::2] = packed & 15
    flat[1::2] = packed >> 4
    return flat[:count]
