"""The look-up tables of TFLite Micro's DECODE operator: written, read back, and folded away.

An encoded constant is a vector of bytes with `bits` (1 to 7) bits per element, the most significant
first, elements in the order of the tensor. Beside it lies an ancillary vector: 16 bytes of header
(0: decode type, 0 for tables; 1: version 1; 4: version of the tables, 1; 5: axis * 16 + bits, axis
15 for a single table; 6: values per table) and then the tables one after another. Source: the
`tflite-micro` wheel, tensorflow/lite/micro/compression/decode.py and lut.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UnsupportedModelError
from convert.graph import Graph, Op, shown

DECODE = "CUSTOM:TFLM_DECODE"
MAX_BITS = 7
_HEADER = 16
_ONE_TABLE = 15


@dataclass(frozen=True, eq=False)
class Encoded:
    """A constant as DECODE reads it."""

    data: NDArray[np.uint8]
    ancillary: NDArray[np.uint8]

    @property
    def axis(self) -> int | None:
        """Which dimension has a table per index; None with one table for all."""
        axis = int(self.ancillary[5]) >> 4
        return None if axis == _ONE_TABLE else axis

    @property
    def nbytes(self) -> int:
        """Bytes of both vectors."""
        return self.data.size + self.ancillary.size


def encode(data: NDArray[np.int8], axis: int | None) -> Encoded | None:
    """int8 values with as few bits as one table for all, or one per index of `axis`, allows.

    Returns:
        None when more than 7 bits are needed.
    """
    parts = [data] if axis is None else list(np.moveaxis(data, axis, 0))
    found = [np.unique(part, return_inverse=True) for part in parts]
    stride = max(values.size for values, _ in found)
    bits = max(1, (stride - 1).bit_length())
    if bits > MAX_BITS:
        return None
    indices = np.stack([i.reshape(p.shape) for (_, i), p in zip(found, parts, strict=True)])
    indices = indices[0] if axis is None else np.moveaxis(indices, 0, axis)
    flat = indices.reshape(-1, 1).astype(np.uint8)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint8)
    tables = np.concatenate([np.pad(v, (0, stride - v.size)) for v, _ in found])
    header = np.zeros(_HEADER, np.uint8)
    header[[1, 4, 5, 6]] = 1, 1, (_ONE_TABLE if axis is None else axis) * 16 + bits, stride
    return Encoded(
        np.packbits((flat >> places) & 1), np.concatenate([header, tables.view(np.uint8)])
    )


def decode(encoded: Encoded, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The values, read-only.

    Raises:
        UnsupportedModelError: encoded in another way than by tables.
        ModelError: the vectors contradict each other or the shape.
    """
    data, ancillary = encoded.data, encoded.ancillary
    if ancillary.size < _HEADER:
        raise _damaged(f"{ancillary.size} bytes of ancillary data")
    if ancillary[0] != 0 or ancillary[1] != 1 or ancillary[4] != 1:
        raise UnsupportedModelError(
            "DECODE must read look-up tables (type 0, versions 1). Received: type "
            f"{ancillary[0]}, versions {ancillary[1]} and {ancillary[4]}. "
            "Use the model from before it was compressed."
        )
    axis, bits, stride = encoded.axis, int(ancillary[5]) & 15, int(ancillary[6])
    size = math.prod(shape)
    if not 1 <= bits <= MAX_BITS or not 1 <= stride <= 1 << MAX_BITS:
        raise _damaged(f"{bits} bits and {stride} values per table")
    if axis is not None and axis >= len(shape):
        raise _damaged(f"axis {axis} of {len(shape)} dimensions")
    channels = 1 if axis is None else shape[axis]
    if data.size != -(-size * bits // 8) or ancillary.size != _HEADER + channels * stride:
        raise _damaged(
            f"{data.size} and {ancillary.size} bytes for {size} values of {bits} bits and "
            f"{channels} tables of {stride}"
        )
    stream = np.unpackbits(data, count=size * bits).reshape(size, bits)
    indices = stream @ (1 << np.arange(bits - 1, -1, -1, dtype=np.uint8))
    if int(indices.max(initial=0)) >= stride:
        raise _damaged(f"index {int(indices.max())} into tables of {stride}")
    tables = ancillary[_HEADER:].view(np.int8).reshape(channels, stride)
    indices = indices.reshape(shape)
    if channels == 1:
        values = tables[0][indices]
    else:
        along = [-1 if i == axis else 1 for i in range(len(shape))]
        values = tables[np.arange(channels).reshape(along), indices]
    values.flags.writeable = False
    return values


def fold_tables(graph: Graph) -> Graph:
    """What DECODE makes of constants is a constant.

    Raises:
        UnsupportedModelError: the operator decodes something that it may not, or in another way.
        ModelError: its inputs are damaged.
    """
    if not any(op.kind == DECODE for op in graph.ops):
        return graph
    tensors = list(graph.tensors)
    ops = []
    for op in graph.ops:
        if op.kind != DECODE:
            ops.append(op)
            continue
        if len(op.inputs) != 2 * len(op.outputs) or -1 in op.inputs:
            raise _damaged(f"{len(op.inputs)} inputs and {len(op.outputs)} outputs", op)
        for position, index in enumerate(op.outputs):
            sources = [tensors[i] for i in op.inputs[2 * position : 2 * position + 2]]
            output = tensors[index]
            vectors = [np.asarray(t.data) for t in sources if t.data is not None]
            if len(vectors) < 2 or output.dtype != "int8" or index in graph.outputs:
                raise UnsupportedModelError(
                    f"Operator {op.index} (DECODE) must make int8 constants of constants. "
                    f"Received: {output.dtype} for tensor {index} ({shown(output.name)}). "
                    "Use the model from before it was compressed."
                )
            encoded = Encoded(*(v.reshape(-1).view(np.uint8) for v in vectors))
            data = decode(encoded, output.shape)
            quant = output.quant
            wanted = quant.axis if quant is not None and quant.per_channel else None
            if encoded.axis != wanted:
                raise UnsupportedModelError(
                    f"Operator {op.index} (DECODE) must have a table for each scale, because "
                    "TFLite Micro decodes anything else wrongly. Received: "
                    f"{_mode(encoded.axis)} for tensor {index} ({shown(output.name)}), whose "
                    f"scales ask for {_mode(wanted)}. Compress it in the mode of its scales."
                )
            tensors[index] = replace(output, data=data)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _mode(axis: int | None) -> str:
    return "one table" if axis is None else f"tables along axis {axis}"


def _damaged(received: str, op: Op | None = None) -> ModelError:
    where = "DECODE" if op is None else f"Operator {op.index} (DECODE)"
    return ModelError(
        f"{where} must have data, tables and shapes that agree. Received: {received}. "
        "Compress the model again."
    )
