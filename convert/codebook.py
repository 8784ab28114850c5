"""Weights with few distinct values as 4-bit codes: what the C keeps in flash instead of int8.

Logarithmic and clustered weights are plain int8 in the .tflite, which is what TFLite Micro and the
reference interpreter run. If a tensor has at most 16 different values, or each of its channels has,
an index of 4 bits and a table say the same. INT4 weights are the case whose table need not be
stored: the index is the value in two's complement.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convert.graph import CHANNEL_AXES, CODES, Codes, Graph, Tensor
from convert.nibbles import pack_nibbles

# 0 to 7, -8 to -1: the index in two's complement.
LINEAR = ((np.arange(CODES) ^ 8) - 8).astype(np.int8)
# Bytes that the weights of one kind of operator must save together: about what its 4-bit kernel
# takes besides the int8 one (Cortex-M4, -O2).
KERNEL_BYTES = 512


def pack_weights(graph: Graph, least_saving: int = KERNEL_BYTES) -> Graph:
    """Give `Tensor.codes` to weights where that saves flash; INT4 weights always get them.

    Tables are counted. Tensors that have codes already keep them.

    Args:
        graph: a verified graph.
        least_saving: bytes that the int8 tensors of a kind of operator must save together; they
            stay int8 otherwise.

    Returns:
        the graph with codes; it computes the same values.
    """
    found: dict[int, Codes] = {}
    saved = dict.fromkeys(CHANNEL_AXES, 0)
    weights = _weights(graph)
    for index, kind in weights.items():
        tensor, axis = graph.tensors[index], CHANNEL_AXES[kind]
        assert tensor.data is not None
        if tensor.dtype == "int4":
            found[index] = linear(tensor.data)
            continue
        codes = codes_of(tensor.data, axis)
        if codes is not None and (saving := tensor.size - nbytes(codes, axis)) > 0:
            found[index] = codes
            saved[kind] += saving
    tensors = list(graph.tensors)
    for index, codes in found.items():
        if tensors[index].dtype == "int4" or saved[weights[index]] >= least_saving:
            tensors[index] = replace(tensors[index], codes=codes)
    made = replace(graph, tensors=tuple(tensors))
    made.verify()
    return made


def codes_of(data: NDArray[np.generic], axis: int) -> Codes | None:
    """int8 values as codes: one table if the tensor has at most 16 values, else one per channel.

    Tables are sorted and filled up with their last value. Values within -8..7 are their own codes.

    Args:
        data: values, any shape.
        axis: the channels' dimension.

    Returns:
        None when some channel has more than 16 different values.
    """
    if np.isin(data, LINEAR).all():
        return linear(data)
    distinct, indices = np.unique(data, return_inverse=True)
    if distinct.size <= CODES:
        return Codes(indices.reshape(data.shape).astype(np.uint8), _table(distinct)[None], axis)
    tables, parts = [], []
    for channel in np.moveaxis(data, axis, 0):
        distinct, indices = np.unique(channel, return_inverse=True)
        if distinct.size > CODES:
            return None
        tables.append(_table(distinct))
        parts.append(indices.reshape(channel.shape).astype(np.uint8))
    return Codes(np.stack(parts, axis=axis), np.stack(tables), axis)


def linear(data: NDArray[np.generic]) -> Codes:
    """Values of -8..7 as codes of the table `LINEAR`."""
    return Codes(data.astype(np.int8).view(np.uint8) & np.uint8(15), LINEAR[None])


def is_linear(codes: Codes) -> bool:
    """True when the indices are the values, so that no table is needed."""
    return codes.tables.shape == (1, CODES) and np.array_equal(codes.tables[0], LINEAR)


def rows(codes: Codes, axis: int) -> NDArray[np.int8]:
    """The indices as they lie in flash: a row per channel, two per byte, the first in the low half.

    Within a row the order is that of the tensor without its channel dimension. A row of odd length
    ends with a half byte of 0, so that every row begins at a byte.

    Args:
        codes: of a weight tensor.
        axis: the channels' dimension.

    Returns:
        (channels, ceil(length / 2)) int8.
    """
    flat = np.moveaxis(codes.indices, axis, 0)
    flat = flat.reshape(flat.shape[0], -1)
    even = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
    return pack_nibbles(even).view(np.int8).reshape(len(even), -1)


def nbytes(codes: Codes, axis: int) -> int:
    """Bytes of flash: rows and tables."""
    channels = codes.indices.shape[axis]
    length = codes.indices.size // max(channels, 1)
    return channels * ((length + 1) // 2) + (0 if is_linear(codes) else codes.tables.size)


def _table(distinct: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.pad(distinct, (0, CODES - distinct.size), mode="edge")


def _weights(graph: Graph) -> dict[int, str]:
    """Weights that may be packed, by index, with the kind of operator that reads them.

    What is read in two ways stays as it is.
    """
    found: dict[int, str] = {}
    left: set[int] = set()
    for op in graph.ops:
        for position, index in enumerate(op.inputs):
            if position == 1 and found.setdefault(index, op.kind) == op.kind in CHANNEL_AXES:
                continue
            left.add(index)
    return {i: kind for i, kind in found.items() if i not in left and _may_pack(graph.tensors[i])}


def _may_pack(tensor: Tensor) -> bool:
    """True for constants of 4 or 8 bits with a zero point of 0 that have no codes yet."""
    zero_points = tensor.quant.zero_point if tensor.quant is not None else ()
    return (
        tensor.data is not None
        and tensor.size > 0
        and tensor.dtype in ("int4", "int8")
        and tensor.codes is None
        and set(zero_points) <= {0}
        and len(tensor.shape) in (2, 4)
    )
