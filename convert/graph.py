"""A small typed graph: what the reader makes of a .tflite and everything after works on.

Tensors keep the index they have in the .tflite, so that a layer can be named the same way by every
back end. A graph is immutable; a pass returns a new one, and `Graph.verify` is called after each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.options import (
    Activation,
    Add,
    Block,
    CallOnce,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Gather,
    LeakyRelu,
    Lstm,
    Mean,
    MirrorPad,
    Mul,
    NoOptions,
    Options,
    Pack,
    Padding,
    Part,
    Pool2D,
    Resize,
    Softmax,
    StridedSlice,
    Sub,
    Svdf,
    TransposeConv,
    VarHandle,
)

__all__ = [
    "BINARY",
    "CHANNEL_AXES",
    "CODES",
    "ITEM_BYTES",
    "JOINING",
    "STATES",
    "VARIABLE_OPS",
    "Activation",
    "Add",
    "Block",
    "CallOnce",
    "Codes",
    "Concatenation",
    "Conv2D",
    "DType",
    "DepthwiseConv2D",
    "FullyConnected",
    "Gather",
    "Graph",
    "LeakyRelu",
    "Lstm",
    "Mean",
    "MirrorPad",
    "Mul",
    "NoOptions",
    "Op",
    "Options",
    "Pack",
    "Padding",
    "Part",
    "Pool2D",
    "Quant",
    "Resize",
    "Softmax",
    "StridedSlice",
    "Sub",
    "Svdf",
    "Tensor",
    "TransposeConv",
    "VarHandle",
    "shown",
]

DType = Literal["int4", "int8", "int16", "int32", "int64", "uint8", "float32", "bool", "other"]

STATES: dict[str, tuple[int, ...]] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": (18, 19), "SVDF": (4,)}
"""Operators that remember, and which of their inputs hold what they remember."""

VARIABLE_OPS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
"""Operators on states that any other operator may compute; see `convert.tflite_variables`."""

ITEM_BYTES: dict[str, int] = {
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "int32": 4,
    "float32": 4,
    "int64": 8,
}

# Operators all of whose inputs hold values.
BINARY = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU", "SQUARED_DIFFERENCE")
JOINING = (*BINARY, "CONCATENATION", "PACK")

# Operators with weights, and which dimension of the weights counts output channels.
CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
CODES = 16  # what 4 bits tell apart


def shown(name: str) -> str:
    """A name from a foreign file as it may stand in a one-line message: printable, 60 signs."""
    clean = "".join(c if c.isprintable() else "?" for c in name[:61])
    return clean if len(clean) <= 60 else clean[:57] + "..."


@dataclass(frozen=True)
class Quant:
    """real = scale * (q - zero_point). One entry, or one per index of dimension `axis`.

    `scale` holds the float32 values of the file, each exactly representable as a Python float.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """True when there is more than one scale."""
        return len(self.scale) > 1


@dataclass(frozen=True, eq=False)
class Codes:
    """Constant values as 4-bit indices into tables of 16: data = tables[channel][indices].

    One table serves the whole tensor, or there is one per index of dimension `axis`.
    """

    indices: NDArray[np.uint8]  # of the tensor's shape, 0..15
    tables: NDArray[np.int8]  # (1 or channels, 16)
    axis: int = 0

    def decoded(self) -> NDArray[np.int8]:
        """The values, of the shape of `indices`."""
        if len(self.tables) == 1:
            return self.tables[0][self.indices]
        along = [1] * self.indices.ndim
        along[self.axis] = len(self.tables)
        return self.tables[np.arange(len(self.tables)).reshape(along), self.indices]

    def fits(self, data: NDArray[np.generic]) -> bool:
        """True when the codes are well-formed and give `data`."""
        channels = data.shape[self.axis] if 0 <= self.axis < data.ndim else 1
        return (
            self.indices.shape == data.shape
            and self.indices.dtype == np.uint8
            and int(self.indices.max(initial=0)) < CODES
            and self.tables.dtype == np.int8
            and self.tables.shape in ((1, CODES), (channels, CODES))
            and np.array_equal(self.decoded(), data)
        )


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor. `data` is None for activations, else a read-only array of `shape`.

    The data of an "int4" tensor is int8, one value of -8..7 per element; in files and in flash it
    takes half a byte each.

    `state` marks a tensor that keeps its values from one run of the model to the next. The one
    operator that reads it also writes it, or READ_VARIABLE and ASSIGN_VARIABLE do. Before the first
    run it holds its zero point.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: DType
    quant: Quant | None = None
    data: NDArray[np.generic] | None = None
    codes: Codes | None = None  # the same data, when it is to be kept in 4 bits
    state: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes in memory.

        Raises:
            ModelError: the element type is "other", whose size is not known here.
        """
        if self.dtype == "int4":
            return (self.size + 1) // 2
        if self.dtype not in ITEM_BYTES:
            raise ModelError(
                f"Tensor {self.index} ({shown(self.name)}) must have an element type of known "
                f"size (int4, {', '.join(ITEM_BYTES)}). Received: {self.dtype}."
            )
        return self.size * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class Op:
    """One operator. `kind` is the schema's name, e.g. "CONV_2D"; absent inputs are -1."""

    index: int  # position in the .tflite, so that messages and layers are named alike everywhere
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options

    @property
    def values(self) -> tuple[int, ...]:
        """The inputs that hold values like the output's, not weights, axes or states."""
        return self.inputs if self.kind in JOINING else self.inputs[:1]

    @property
    def label(self) -> str:
        """The index as names of layers have it, "07"; "07_1" for another output of the same."""
        number = self.options.number if isinstance(self.options, Part) else 0
        return f"{self.index:02d}" + (f"_{number}" if number > 0 else "")


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in execution order over tensors; see the module's docstring."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    model_hash: str = ""  # sha256 of the .tflite bytes, hex

    @property
    def states(self) -> tuple[Tensor, ...]:
        """What the model remembers from run to run, in the order of the tensors."""
        return tuple(t for t in self.used if t.state)

    @property
    def used(self) -> tuple[Tensor, ...]:
        """What operators read or write; files hold others, as the intermediates of an LSTM."""
        places = {index for op in self.ops for index in (*op.inputs, *op.outputs)}
        return tuple(t for t in self.tensors if t.index in places)

    def verify(self) -> None:
        """Check the invariants that every pass must keep.

        Raises:
            ModelError: an index is out of range, a tensor is read before it is written, written
                twice, or constant data does not have the declared shape or is not what its codes
                say.
        """
        count = len(self.tensors)
        for position, tensor in enumerate(self.tensors):
            if tensor.index != position:
                raise ModelError(
                    f"Tensor {position} must carry its own index. Received: {tensor.index}."
                )
            if tensor.data is not None and tensor.data.shape != tensor.shape:
                raise ModelError(
                    f"Tensor {position} ({shown(tensor.name)}) must hold data of shape "
                    f"{tensor.shape}. Received: {tensor.data.shape}."
                )
            codes = tensor.codes
            if codes is not None and (tensor.data is None or not codes.fits(tensor.data)):
                raise ModelError(
                    f"Tensor {position} ({shown(tensor.name)}) must have codes that give its data. "
                    f"Received: indices {codes.indices.shape} and tables {codes.tables.shape} that "
                    "do not."
                )
        for index in (*self.inputs, *self.outputs):
            if not 0 <= index < count:
                raise ModelError(
                    f"Graph inputs and outputs must be below {count}. Received: {index}."
                )
        ready = {t.index for t in self.tensors if t.data is not None or t.state}
        ready |= set(self.inputs)
        for op in self.ops:
            for index in op.inputs:
                if index != -1 and (not 0 <= index < count or index not in ready):
                    raise ModelError(
                        f"Operator {op.index} ({op.kind}) must read tensors that exist and were "
                        f"written before. Received: tensor {index}."
                    )
            for index in op.outputs:
                if op.kind in VARIABLE_OPS and 0 <= index < count and self.tensors[index].state:
                    continue
                if not 0 <= index < count or index in ready:
                    raise ModelError(
                        f"Operator {op.index} ({op.kind}) must write a fresh tensor. "
                        f"Received: tensor {index}."
                    )
                ready.add(index)
        for index in self.outputs:
            if index not in ready:
                raise ModelError(f"Graph output {index} must be written by an operator.")
        self._verify_states()

    def _verify_states(self) -> None:
        """Each state has one operator that knows what to do with it, or such as may share it.

        Raises:
            ModelError: a state is a constant, a graph input or output, or read elsewhere.
        """
        places = [
            (index, op.kind, position)
            for op in self.ops
            for position, index in enumerate(op.inputs)
            if index != -1 and self.tensors[index].state
        ]
        for tensor in self.tensors:
            if not tensor.state:
                continue
            uses = [(kind, position) for index, kind, position in places if index == tensor.index]
            outside = tensor.index in (*self.inputs, *self.outputs) or tensor.data is not None
            known = all(position in STATES.get(kind, ()) for kind, position in uses)
            shared = all(kind in VARIABLE_OPS and position == 0 for kind, position in uses)
            if outside or not (shared or (known and len(uses) == 1)):
                listed = ", ".join(f"input {place} of {kind}" for kind, place in uses)
                raise ModelError(
                    f"State tensor {tensor.index} ({shown(tensor.name)}) must belong to one "
                    f"operator that updates it. Received: {listed or 'an edge of the graph'}."
                )
