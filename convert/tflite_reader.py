"""A .tflite in, a `Graph` out; foreign bytes are refused in one sentence.

Tensors and operators keep the indices they have in the file. Anything that the file format allows
but a `Graph` cannot express is refused here, by name; what a target can run is for
`convert.supported` to say, so float models and unknown operators are read.

Field slots below are the field ids of the public TFLite schema (schema.fbs), which never change.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from convert.errors import ModelError, UnsupportedModelError
from convert.flatbuffer import Source, Table
from convert.graph import shown
from convert.nibbles import unpack_nibbles
from convert.tflite_options import operator_names, read_options, type_names
from convert.tflite_variables import Subgraph, bind_variables

_MAX_RANK = 8
_MAX_ELEMENTS = 2**31 - 1
# Element types: name in the schema -> (our name, little-endian NumPy type).
_TYPES: dict[str, tuple[g.DType, str]] = {
    "FLOAT32": ("float32", "<f4"),
    "FLOAT16": ("other", "<f2"),
    "INT32": ("int32", "<i4"),
    "UINT8": ("uint8", "|u1"),
    "INT64": ("int64", "<i8"),
    "BOOL": ("bool", "|b1"),
    "INT16": ("int16", "<i2"),
    "COMPLEX64": ("other", "<c8"),
    "INT8": ("int8", "|i1"),
    "FLOAT64": ("other", "<f8"),
    "COMPLEX128": ("other", "<c16"),
    "UINT64": ("other", "<u8"),
    "UINT32": ("other", "<u4"),
    "UINT16": ("other", "<u2"),
    "BFLOAT16": ("other", "<u2"),
}


def read(data: bytes) -> g.Graph:
    """Read a .tflite.

    Args:
        data: the whole file.

    Returns:
        a verified graph; constants are read-only views of `data` (INT4: unpacked to int8).

    Raises:
        ModelError: the bytes are damaged, truncated, or something else.
        UnsupportedModelError: the file is sound but has subgraphs for more than the beginning of
            variables, sparse tensors, sub-byte ones other than INT4, or variables other than the
            states of `convert.graph.STATES` and resource variables.
    """
    data = bytes(data)
    source = Source(data, "A .tflite")
    model = source.root(b"TFL3")
    version = model.integer(0, "I")
    if version != 3:
        raise ModelError(f"A .tflite must have schema version 3. Received: {version}.")
    codes = [_kind(code, i) for i, code in enumerate(model.tables(1, "operator code"))]
    subgraphs = model.tables(2, "subgraph")
    buffers = [_buffer(table, i, source) for i, table in enumerate(model.tables(4, "buffer"))]
    for i, entry in enumerate(model.tables(6, "metadata entry")):
        entry.text(0, f"the name of metadata entry {i}")
        if entry.integer(1, "I") >= len(buffers):
            raise source.damaged(f"metadata entry {i} names a buffer that does not exist")
    if not subgraphs:
        raise UnsupportedModelError("A model must have one subgraph. Received: 0. Export it again.")
    main = subgraphs[0]
    whole = bind_variables(*_subgraphs(subgraphs, codes, buffers, source))
    made = g.Graph(
        tensors=whole.tensors,
        ops=whole.ops,
        inputs=main.integers(1, "<i4", "the list of inputs"),
        outputs=main.integers(2, "<i4", "the list of outputs"),
        model_hash=hashlib.sha256(data).hexdigest(),
    )
    _check_variables(made)
    made.verify()
    for index in made.inputs:
        if made.tensors[index].data is not None:
            raise source.damaged(f"input tensor {index} is a constant")
    return made


def _subgraphs(
    tables: list[Table],
    codes: list[str],
    buffers: list[NDArray[np.generic] | None],
    source: Source,
) -> tuple[Subgraph, list[Subgraph]]:
    """The main one, and the others."""
    made = [
        Subgraph(
            tuple(_tensor(t, i, buffers, source) for i, t in enumerate(table.tables(0, "tensor"))),
            tuple(
                _operator(t, i, codes, source) for i, t in enumerate(table.tables(3, "operator"))
            ),
        )
        for table in tables
    ]
    return made[0], made[1:]


def _check_variables(graph: g.Graph) -> None:
    """Refuse variables that no operator here updates.

    Raises:
        UnsupportedModelError: a variable tensor is read by another operator.
    """
    for op in graph.ops:
        for position, index in enumerate(op.inputs):
            if not 0 <= index < len(graph.tensors) or not graph.tensors[index].state:
                continue
            if position not in g.STATES.get(op.kind, ()) and op.kind not in g.VARIABLE_OPS:
                raise UnsupportedModelError(
                    "Tensors must not be variables, but for the states of "
                    f"{' and '.join(g.STATES)}. Received: tensor {index} "
                    f"({shown(graph.tensors[index].name)}), which {op.kind} reads. "
                    "Convert the model without state kept between runs."
                )


def _kind(code: Table, index: int) -> str:
    """Name of an operator code.

    Old files have only the 8-bit field (0); new ones put 127 there for numbers from 127 up and the
    number itself in field 3. The larger one holds, as the TFLite runtime does it.
    """
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    name = operator_names().get(number)
    if name is None:
        return f"operator number {number}"
    if name == "CUSTOM":
        return f"CUSTOM:{shown(code.text(1, f'the name of operator code {index}'))}"
    return name


def _buffer(table: Table, index: int, source: Source) -> NDArray[np.generic] | None:
    """The bytes of a buffer, None when it has none.

    Files over 2 GB keep the data behind the FlatBuffer, at `offset` from the start of the file.
    """
    part = f"the data of buffer {index}"
    offset = table.integer(1, "Q")
    if offset > 1:  # 0 is absent, 1 a placeholder of the converter
        size = table.integer(2, "Q")
        source.need(offset, size, part)
        return np.frombuffer(source.data, np.uint8, size, offset) if size else None
    view = table.numbers(0, "|u1", part)
    return view if view.size else None


def _tensor(
    table: Table, index: int, buffers: list[NDArray[np.generic] | None], source: Source
) -> g.Tensor:
    name = table.text(3, f"the name of tensor {index}")
    label = f"tensor {index} ({shown(name)})"
    shape = table.integers(0, "<i4", f"the shape of tensor {index}")
    if len(shape) > _MAX_RANK or any(d < 0 for d in shape) or math.prod(shape) > _MAX_ELEMENTS:
        listed = ", ".join(map(str, shape[:_MAX_RANK])) + (
            ", ..." if len(shape) > _MAX_RANK else ""
        )
        raise ModelError(
            f"A tensor must have up to {_MAX_RANK} dimensions of 0 or more and under 2^31 elements."
            f" Received: {label} with shape ({listed})."
        )
    number = table.integer(1, "b")
    type_name = type_names().get(number)
    if type_name is None:
        raise source.damaged(f"{label} has an unknown element type, number {number}")
    if table.has(6):
        raise UnsupportedModelError(
            f"Tensors must not be sparse. Received: {label}. "
            "Convert the model without the sparsity optimisation; zeros may stay."
        )
    if table.integer(10, "I"):
        raise UnsupportedModelError(
            f"Tensors must be inside the .tflite. Received: {label} in an external file. "
            "Convert the model into one file."
        )
    place = table.integer(2, "I")
    if place >= max(len(buffers), 1):
        raise source.damaged(f"{label} names a buffer that does not exist")
    raw = buffers[place] if place else None  # buffer 0 is empty by definition
    if type_name == "INT4":
        dtype: g.DType = "int4"
        data = None if raw is None else _int4_values(raw, shape, label, source)
    elif type_name not in _TYPES:
        if raw is not None or type_name in ("INT2", "UINT4"):
            raise UnsupportedModelError(
                f"Tensors must have an element type out of INT4, {', '.join(_TYPES)}. "
                f"Received: {label} of type {type_name}. Convert the model to int8."
            )
        dtype = "other"
        data = None
    else:
        dtype, layout = _TYPES[type_name]
        data = None if raw is None else _values(raw, shape, layout, label, source)
        if place and raw is None and 0 in shape:
            data = np.empty(shape, layout)
    quant = _quant(table, index, label, shape, source)
    return g.Tensor(index, name, shape, dtype, quant, data, state=table.boolean(5))


def _values(
    raw: NDArray[np.generic], shape: tuple[int, ...], layout: str, label: str, source: Source
) -> NDArray[np.generic]:
    """The raw bytes as numbers of the tensor's shape, still a view."""
    wanted = math.prod(shape) * np.dtype(layout).itemsize
    if raw.nbytes != wanted:
        raise source.damaged(f"{label} has {raw.nbytes} bytes of data and needs {wanted}")
    return raw.view(layout).reshape(shape)


def _int4_values(
    raw: NDArray[np.generic], shape: tuple[int, ...], label: str, source: Source
) -> NDArray[np.generic]:
    """INT4 as int8: two values per byte, the first in the low half, each in two's complement."""
    count = math.prod(shape)
    if raw.nbytes != (count + 1) // 2:
        raise source.damaged(f"{label} has {raw.nbytes} bytes of data and needs {(count + 1) // 2}")
    source.charge(count)
    values = (unpack_nibbles(raw.view(np.uint8), count) ^ 8).astype(np.int8) - np.int8(8)
    values.flags.writeable = False
    return values.reshape(shape)


def _quant(
    table: Table, index: int, label: str, shape: tuple[int, ...], source: Source
) -> g.Quant | None:
    part = f"the quantization of tensor {index}"
    found = table.table(4, part)
    if found is None:
        return None
    if found.integer(4, "B"):
        raise UnsupportedModelError(
            f"Quantization must be by scale and zero point. Received: {label} with custom, "
            "blockwise or multi-axis quantization. Convert the model to int8."
        )
    scale = found.reals(2, part)
    zero_point = found.integers(3, "<i8", part)
    if not scale:
        return None
    if len(zero_point) in (0, 1):
        zero_point = (zero_point or (0,)) * len(scale)
    if len(zero_point) != len(scale):
        raise source.damaged(f"{label} has {len(scale)} scales and {len(zero_point)} zero points")
    axis = found.integer(6, "i")
    if axis >= len(shape) == 1:
        axis = 0  # converters of 2019 gave a bias the dimension of its depthwise weights
    if len(scale) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scale)):
        raise source.damaged(f"{label} has {len(scale)} scales, which no dimension matches")
    return g.Quant(scale, zero_point, axis if len(scale) > 1 else 0)


def _operator(table: Table, index: int, codes: list[str], source: Source) -> g.Op:
    place = table.integer(0, "I")
    if place >= len(codes):
        raise source.damaged(f"operator {index} names an operator code that does not exist")
    kind = codes[place]
    return g.Op(
        index=index,
        kind=kind,
        inputs=table.integers(1, "<i4", f"the inputs of operator {index}"),
        outputs=table.integers(2, "<i4", f"the outputs of operator {index}"),
        options=read_options(table, index, kind, source),
    )
