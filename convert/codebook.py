"""Weights with few distinct values as 4-bit codes: what the C keeps in flash instead of int8.

Logarithmic and clustered weights are plain int8 in the .tflite, which is what TFLite Micro and the
reference interpreter run. If a tensor has at most 16 different values, or each of its channels has,
an index of 4 bits and a table say the same. INT4 weights are the case whose table need not be
stored: the index is the value in two's complement.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convert.graph import CHANNEL_AXES, CODES, Codes, Graph, Tensor
from convert.nibbles import pack_nibbles

# 0 to 7, -8 to -1: the index in two's complement.
LINEAR = ((np.arange(CODES) ^ 8) - 8).astype(np.int8)
# Code of the int8 kernel and of the one with tables, in bytes (Cortex-M4, zig -Os).
KERNEL_BYTES = {
    "CONV_2D": (862, 960),
    "DEPTHWISE_CONV_2D": (710, 928),
    "FULLY_CONNECTED": (256, 330),
}


def pack_weights(graph: Graph) -> Graph:
    """Give `Tensor.codes` to weights where that saves flash; INT4 weights always get them.

    Tables are counted, and so is the other kernel's code: the int8 tensors of one kind of operator
    are packed together or not at all, and if some of that kind must stay int8, both kernels are
    there. Tensors that have codes already keep them.

    Args:
        graph: a verified graph.

    Returns:
        the graph with codes; it computes the same values.
    """
    weights = _weights(graph)
    tensors = list(graph.tensors)
    for index in weights:
        tensor = tensors[index]
        if tensor.dtype == "int4" and tensor.data is not None and _may_pack(tensor):
            tensors[index] = replace(tensor, codes=linear(tensor.data))
    for kind in CHANNEL_AXES:
        mine = [i for i, k in weights.items() if k == kind and graph.tensors[i].dtype == "int8"]
        packed: dict[int, Codes] = {}
        saving = 0
        for index in mine:
            tensor = graph.tensors[index]
            codes = _codes(tensor, kind)
            if codes is not None and nbytes(codes, kind) < tensor.size:
                packed[index] = codes
                saving += tensor.size - nbytes(codes, kind)
        if pays(kind, saving, all_packed=len(packed) == len(mine)):
            for index, codes in packed.items():
                tensors[index] = replace(tensors[index], codes=codes)
    made = replace(graph, tensors=tuple(tensors))
    made.verify()
    return made


def pays(kind: str, saving: int, *, all_packed: bool) -> bool:
    """Whether the int8 weights of one kind of operator are packed.

    Args:
        kind: of the operator.
        saving: bytes that they are smaller by, tables counted.
        all_packed: none of that kind stays int8, so that the int8 kernel is not needed.
    """
    int8_code, table_code = KERNEL_BYTES[kind]
    return saving > table_code - (int8_code if all_packed else 0)


def _codes(tensor: Tensor, kind: str) -> Codes | None:
    """Codes of int8 weights: those they have, or what can be found."""
    if tensor.codes is not None or tensor.data is None or not _may_pack(tensor):
        return tensor.codes
    return codes_of(tensor.data, CHANNEL_AXES[kind])


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


def rows(codes: Codes, kind: str) -> NDArray[np.int8]:
    """The indices as they lie in flash: in rows, two per byte, the first in the low half.

    A row is an output channel of CONV_2D, a unit of FULLY_CONNECTED, a tap (with all channels) of
    DEPTHWISE_CONV_2D; within it the order is that of the tensor. A row of odd length ends with a
    half byte of 0, so that every row begins at a byte.

    Args:
        codes: of a weight tensor.
        kind: of the operator that reads it.

    Returns:
        (rows, ceil(length / 2)) int8.
    """
    count, length = _layout(codes.indices.shape, kind)
    even = np.pad(codes.indices.reshape(count, length), ((0, 0), (0, length % 2)))
    return pack_nibbles(even).view(np.int8).reshape(count, -1)


def nbytes(codes: Codes, kind: str) -> int:
    """Bytes of flash: rows and tables."""
    count, length = _layout(codes.indices.shape, kind)
    return count * ((length + 1) // 2) + (0 if is_linear(codes) else codes.tables.size)


def _layout(shape: tuple[int, ...], kind: str) -> tuple[int, int]:
    """Number of rows, and codes per row."""
    size = math.prod(shape)
    count = size // shape[-1] if kind == "DEPTHWISE_CONV_2D" else shape[0]
    return count, size // count


def _table(distinct: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.pad(distinct, (0, CODES - distinct.size), mode="edge")


def _weights(graph: Graph) -> dict[int, str]:
    """Weights by index, with the kind of operator that reads them.

    What is read in two ways is not among them, so it stays as it is.
    """
    found: dict[int, str] = {}
    left: set[int] = set()
    for op in graph.ops:
        for position, index in enumerate(op.inputs):
            if position == 1 and found.setdefault(index, op.kind) == op.kind in CHANNEL_AXES:
                continue
            left.add(index)
    return {i: kind for i, kind in found.items() if i not in left}


def _may_pack(tensor: Tensor) -> bool:
    """True for constants whose zero point is 0, in the shape of weights."""
    zero_points = tensor.quant.zero_point if tensor.quant is not None else ()
    return tensor.size > 0 and set(zero_points) <= {0} and len(tensor.shape) in (2, 4)
