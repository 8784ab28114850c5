"""What the emitters of single operators share: their input, their result, and how they are found.

One emitter function per parameter class, in `emit_weighted`, `emit_plain`, ... (`emit_wide` where
int16 values need another one), found through a registry. Adding an operator means: a class in
`convert.params`, a kernel in `firmware/kernels`, and a function there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert import cwriter
from convert.constraints_windows import MAX_STEP
from convert.errors import UnsupportedModelError
from convert.graph import Codes, Op, Tensor
from convert.params import Params

_INT32_MAX = 2**31 - 1
_WORTH_FINDING = 64  # bytes of an array that is part of another
_CTYPES = {
    "int8_t": np.int8,
    "int16_t": np.int16,
    "uint16_t": np.uint16,
    "int32_t": np.int32,
    "int64_t": np.int64,
}


@dataclass
class ConstantPool:
    """Arrays of one generated file. Equal contents are written once and shared."""

    nbytes: int = 0
    _names: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def add(self, ctype: str, name: str, values: Sequence[int] | NDArray) -> tuple[str, str]:
        """(C expression to use, definition to print, empty where other arrays have these values).

        All arrays are aligned to words; so is what is found within another.
        """
        data = np.ascontiguousarray(values, dtype=_CTYPES[ctype])
        key = (ctype, data.tobytes())
        if key in self._names:
            return self._names[key], ""
        for (other, contents), owner in self._names.items():
            at = contents.find(key[1]) if other == ctype and data.nbytes >= _WORTH_FINDING else -1
            if at >= 0 and at % 4 == 0:
                return f"{owner} + {at // data.itemsize}" if at else owner, ""
        self._names[key] = name
        self.nbytes += data.nbytes
        alignment = max(4, data.itemsize)
        return name, cwriter.array(ctype, name, data, attribute=f"WS_ALIGNED({alignment})")

    def add_structs(self, ctype: str, name: str, values: NDArray[np.int32]) -> tuple[str, str]:
        """The same for structs of int32 members; `values` is (structs, members)."""
        key = (ctype, values.tobytes())
        if key in self._names:
            return self._names[key], ""
        self._names[key] = name
        self.nbytes += values.nbytes
        parts = [_initializer(tuple(int(v) for v in row)) for row in values]
        body = cwriter.wrapped(parts)
        return name, f"static const {ctype} {name}[{len(values)}] = {{\n{body}}};\n"


@dataclass(frozen=True)
class Layer:
    """What an emitter sees of its operator.

    `inputs` and `output` are C expressions of type `int8_t *` (or const; `int16_t *` for int16
    values) for what the kernel reads and writes; `definitions` define those that are constant.
    `weights` and `bias` are the constant second and third input where the operator has them; with
    `codes` the weights are kept in 4 bits. `tensors` are all inputs, None where one is
    absent; `states` are C expressions for those that are kept from run to run.
    """

    op: Op
    name: str  # C prefix of everything that belongs to this layer, e.g. "model_layer_03"
    inputs: tuple[str, ...]
    output: str
    weights: NDArray | None
    bias: NDArray | None
    in_place: bool  # the output is the same memory as the first input
    pool: ConstantPool
    definitions: tuple[str, ...] = ()
    codes: Codes | None = None
    wide: bool = False  # the values are int16
    tensors: tuple[Tensor | None, ...] = ()
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerCode:
    """One layer in C."""

    definitions: tuple[str, ...]  # arrays and the parameter struct
    body: tuple[str, ...]  # statements, without indentation
    kernel: str  # file name in firmware/kernels; empty when none is needed
    macs: int = 0
    about: str = ""  # for the comment: what the numbers say in words
    also: tuple[str, ...] = ()  # other files in firmware/kernels that the kernel needs


Fields = list[tuple[str, object]]
Emitter = Callable[[Layer, Any], LayerCode]
_EMITTERS: dict[tuple[type, bool], Emitter] = {}
_E = TypeVar("_E", bound=Emitter)


def emits(params: type, wide: bool = False) -> Callable[[_E], _E]:
    """Register a function as the emitter of a parameter class (`wide`: for int16 values)."""

    def register(function: _E) -> _E:
        _EMITTERS[params, wide] = function
        return function

    return register


def emit_layer(layer: Layer, params: Params) -> LayerCode:
    """The C of one operator.

    Raises:
        UnsupportedModelError: there is no emitter, or a size would overflow the kernel's integers.
    """
    emitter = _EMITTERS.get((type(params), layer.wide))
    if emitter is None:
        refuse(layer, "be one that C can be made for", layer.op.kind)
    return emitter(layer, params)


def refuse(layer: Layer, must: str, received: object) -> NoReturn:
    """Raise the error that names the operator, what it must do, and what it does."""
    raise UnsupportedModelError(
        f"Operator {layer.op.index} ({layer.op.kind}) must {must}. Received: {received}."
    )


def check_sum(layer: Layer, terms: int, largest: int) -> None:
    """A sum of `terms` products of at most `largest` must fit int32."""
    if terms * largest > _INT32_MAX:
        refuse(layer, f"add at most {_INT32_MAX // largest} values per output", terms)


def check_steps(layer: Layer, *pairs: tuple[int, int]) -> None:
    """Positions must stay far inside int32."""
    for value in (v for pair in pairs for v in pair):
        if value > MAX_STEP:
            refuse(layer, f"have strides, dilations and windows of at most {MAX_STEP}", value)


def struct_text(ctype: str, name: str, fields: Sequence[tuple[str, object]]) -> str:
    """A constant struct with named fields; tuples become nested braces."""
    lines = [f"    .{key} = {_initializer(value)},\n" for key, value in fields]
    return f"static const {ctype} {name} = {{\n{''.join(lines)}}};\n"


def _initializer(value: object) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(_initializer(v) for v in value) + "}"
    return cwriter.integer(value) if isinstance(value, int) else str(value)


def suffixes(layer: Layer) -> tuple[str, str]:
    """Ends of the names of a kernel's function and of its file, for int8 or int16 values."""
    return ("_s16", "_s16.c") if layer.wide else ("_s8", ".c")


def without_offsets(layer: Layer, fields: Fields) -> Fields:
    """The fields without those that int16 values do not have, because they are 0."""
    return [f for f in fields if not (layer.wide and "offset" in f[0])]


def counted(count: int, thing: str) -> str:
    """A number of things as text, "1 row" or "3 rows"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def by(pair: tuple[int, ...]) -> str:
    """Height and width as text, "3x5"."""
    return f"{pair[0]}x{pair[1]}"
