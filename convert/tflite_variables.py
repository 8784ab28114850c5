"""Resource variables of a .tflite: what streaming models remember from run to run.

A converter writes them with four operators. VAR_HANDLE names a variable; READ_VARIABLE copies it
out; ASSIGN_VARIABLE copies a tensor into it; CALL_ONCE runs another subgraph before the first
inference, which assigns the first values. Here the tensor that VAR_HANDLE writes, which holds no
values in the file, becomes the state tensor itself: it gets shape, type and quantization of what is
read from it or assigned to it.

A state begins with its zero point (`convert.graph.Tensor`); subgraphs that assign something else
are refused. TFLite Micro also begins so, and returns to it when it is reset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from convert.errors import UnsupportedModelError
from convert.graph import shown

_WAY_OUT = "Convert the model without state kept between runs."


@dataclass(frozen=True, eq=False)
class Subgraph:
    """Tensors and operators of one subgraph."""

    tensors: tuple[g.Tensor, ...]
    ops: tuple[g.Op, ...]


def bind_variables(main: Subgraph, others: Sequence[Subgraph]) -> Subgraph:
    """Give variables their tensors.

    Args:
        main: the first subgraph.
        others: the following ones.

    Returns:
        `main`, in which every handle of a variable is one state tensor.

    Raises:
        UnsupportedModelError: subgraphs other than those of CALL_ONCE, or such that do more than
            assign zeros; variables that are never assigned, or are of several types.
    """
    called = {op.options.subgraph for op in main.ops if isinstance(op.options, g.CallOnce)}
    if not called.issuperset(range(1, 1 + len(others))):
        raise UnsupportedModelError(
            f"A model must have one subgraph, and others only for CALL_ONCE. Received: "
            f"{1 + len(others)}. Convert it without control flow (IF, WHILE) and without several "
            "signatures."
        )
    handles = _handles(main)
    for op in main.ops:
        uses = op.kind in ("READ_VARIABLE", "ASSIGN_VARIABLE")
        if uses and (not op.inputs or op.inputs[0] not in handles):
            raise _refuse("be named by VAR_HANDLE", f"operator {op.index} ({op.kind})")
    places = {name: min(i for i, n in handles.items() if n == name) for name in handles.values()}
    tensors = list(main.tensors)
    for name, place in places.items():
        tensors[place] = _state(main, handles, name, place)
    for subgraph in others:
        _check_beginning(subgraph, {name: tensors[place] for name, place in places.items()})

    def bound(op: g.Op) -> g.Op:
        def place(index: int) -> int:
            return places[handles[index]] if index in handles else index

        return replace(
            op, inputs=tuple(map(place, op.inputs)), outputs=tuple(map(place, op.outputs))
        )

    return Subgraph(tuple(tensors), tuple(map(bound, main.ops)))


def _handles(subgraph: Subgraph) -> dict[int, str]:
    """Tensors that VAR_HANDLE writes, and the names of their variables."""
    return {
        op.outputs[0]: op.options.name
        for op in subgraph.ops
        if isinstance(op.options, g.VarHandle)
        and len(op.outputs) == 1
        and 0 <= op.outputs[0] < len(subgraph.tensors)
    }


def _refuse(must: str, received: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"Variables must {must}. Received: {received}. {_WAY_OUT}")


def _tensor(subgraph: Subgraph, index: int) -> g.Tensor:
    if not 0 <= index < len(subgraph.tensors):
        raise _refuse("be read to and assigned from tensors that exist", f"tensor {index}")
    return subgraph.tensors[index]


def _assignments(subgraph: Subgraph, handles: dict[int, str]) -> list[tuple[str, g.Tensor]]:
    """(variable, value) of each ASSIGN_VARIABLE."""
    return [
        (handles.get(op.inputs[0], ""), _tensor(subgraph, op.inputs[1]))
        for op in subgraph.ops
        if op.kind == "ASSIGN_VARIABLE" and len(op.inputs) == 2
    ]


def _state(main: Subgraph, handles: dict[int, str], name: str, place: int) -> g.Tensor:
    """The state tensor of a variable, or what is in the file where nothing uses it."""
    label = f'variable "{shown(name)}"'
    assigned = [value for variable, value in _assignments(main, handles) if variable == name]
    read = [
        _tensor(main, op.outputs[0])
        for op in main.ops
        if op.kind == "READ_VARIABLE" and op.outputs and handles[op.inputs[0]] == name
    ]
    if not assigned and not read:
        return main.tensors[place]
    if not assigned:
        raise _refuse("be assigned in every run", f"{label}, which is only read")
    first = assigned[0]
    kinds = {(t.dtype, t.shape) for t in (*assigned, *read)}
    if len(kinds) != 1:
        listed = " and ".join(sorted(f"{dtype} {shape}" for dtype, shape in kinds))
        raise _refuse("have one type and shape", f"{listed} for {label}")
    return replace(first, index=place, name=name, data=None, codes=None, state=True)


def _check_beginning(subgraph: Subgraph, states: dict[str, g.Tensor]) -> None:
    """What CALL_ONCE runs may only assign what states begin with."""
    others = {op.kind for op in subgraph.ops} - {"VAR_HANDLE", "ASSIGN_VARIABLE"}
    if others:
        raise _refuse("begin with constants", f"{', '.join(sorted(others)[:5])} in CALL_ONCE")
    for name, value in _assignments(subgraph, _handles(subgraph)):
        state = states.get(name)
        if state is None:
            continue
        if not _is_zero(value.data, state):
            raise _refuse("begin with the value 0", f'another one for variable "{shown(name)}"')


def _is_zero(values: NDArray[np.generic] | None, state: g.Tensor) -> bool:
    zero = state.quant.zero_point[0] if state.quant and state.dtype == "int8" else 0
    return values is not None and values.size == state.size and bool(np.all(values == zero))
