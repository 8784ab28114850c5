"""Which tensors may live in the bytes of a variable, so that nothing is copied in or out.

A streaming model reads a variable (old frames), joins it with the new frame, takes the newest part
of that and assigns it. Done literally these are two copies, and memory for both. But what was read
may *be* the variable as long as nobody writes to it, and what is assigned may be computed there,
once nobody needs the old values any more.
"""

from __future__ import annotations

from convert.graph import Graph


def shared_with_states(graph: Graph) -> dict[int, int]:
    """Tensor -> the state whose bytes it has.

    Args:
        graph: as `convert.passes.prepare` leaves it; `ASSIGN_VARIABLE` writes the state.
    """
    found: dict[int, int] = {}
    for state in graph.states:
        reads = [
            p
            for p, op in enumerate(graph.ops)
            if op.kind == "READ_VARIABLE" and state.index in op.inputs
        ]
        assigns = [p for p, op in enumerate(graph.ops) if state.index in op.outputs]
        if len(assigns) != 1:  # none: a state of an LSTM or SVDF
            continue
        values = _before(graph, graph.ops[assigns[0]].inputs[0])
        written = _writer(graph, values[-1])
        if written >= 0 and all(p < written for p in reads) and not found.keys() & set(values):
            found.update(dict.fromkeys(values, state.index))
        else:
            written = assigns[0] + 1  # until then the state keeps its values
        for position in reads:
            same = _after(graph, graph.ops[position].outputs[0])
            if position < written and max(_last_read(graph, t) for t in same) < written:
                found[graph.ops[position].outputs[0]] = state.index
    return found


def _before(graph: Graph, tensor: int) -> list[int]:
    """The tensor and those that it is a RESHAPE of, the first one last."""
    chain = [tensor]
    for op in reversed(graph.ops):
        if op.kind == "RESHAPE" and chain[-1] in op.outputs:
            chain.append(op.inputs[0])
    return chain


def _after(graph: Graph, tensor: int) -> list[int]:
    """The tensor and all RESHAPEs of it."""
    same = [tensor]
    for op in graph.ops:
        if op.kind == "RESHAPE" and op.inputs[0] in same:
            same.append(op.outputs[0])
    return same


def _last_read(graph: Graph, tensor: int) -> int:
    """Position of the last reader; after all operators for an output of the graph."""
    if tensor in graph.outputs:
        return len(graph.ops)
    return max((p for p, op in enumerate(graph.ops) if tensor in op.inputs), default=-1)


def _writer(graph: Graph, tensor: int) -> int:
    """Position of the operator that computes a tensor; -1 where none does, or only copies a state.

    Such a tensor has bytes of its own.
    """
    for position, op in enumerate(graph.ops):
        if tensor in op.outputs:
            return -1 if op.kind == "READ_VARIABLE" else position
    return -1
