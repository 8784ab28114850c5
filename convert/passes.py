"""Small rewrites before C is made. Each is sound on its own, and the graph is verified after each.

Tensors keep their indices (and operators `Op.index`), so that layers are named alike by every back
end; tensors that nothing uses any more simply stay in the list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convert import graph as g
from convert.graph import Graph, Op


def prepare(graph: Graph) -> Graph:
    """The graph as `convert.memory` and the emitters want it; computes the same values.

    Raises:
        ModelError: the graph was unsound to begin with.
    """
    graph.verify()
    for step in PASSES:
        graph = step(graph)
        graph.verify()
    return graph


def name_reshapes(graph: Graph) -> Graph:
    """SQUEEZE and EXPAND_DIMS are RESHAPEs: the output's shape is known."""
    ops = tuple(_as_reshape(graph, op) for op in graph.ops)
    return replace(graph, ops=ops)


def _as_reshape(graph: Graph, op: Op) -> Op:
    arity = {"SQUEEZE": 1, "EXPAND_DIMS": 2}.get(op.kind)
    if len(op.inputs) != arity or -1 in op.inputs or len(op.outputs) != 1:
        return op
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if source.size != output.size or source.dtype != output.dtype:
        return op
    return replace(op, kind="RESHAPE", inputs=op.inputs[:1], options=g.NoOptions())


def fold_constant_reshapes(graph: Graph) -> Graph:
    """The RESHAPE of a constant is a constant, unless it is an output of the graph."""
    tensors = list(graph.tensors)
    ops = []
    for op in graph.ops:
        if op.kind == "RESHAPE" and op.inputs and op.inputs[0] != -1 and len(op.outputs) == 1:
            source, output = tensors[op.inputs[0]], tensors[op.outputs[0]]
            if (
                source.data is not None
                and output.index not in graph.outputs
                and (source.size, source.dtype) == (output.size, output.dtype)
            ):
                tensors[output.index] = replace(output, data=source.data.reshape(output.shape))
                continue
        ops.append(op)
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def drop_shape_inputs(graph: Graph) -> Graph:
    """RESHAPE needs no constant shape tensor: the output's shape says the same."""
    ops = []
    for op in graph.ops:
        extra = [graph.tensors[i] for i in op.inputs[1:] if i != -1]
        if op.kind == "RESHAPE" and len(op.inputs) == 2 and all(t.data is not None for t in extra):
            op = replace(op, inputs=op.inputs[:1])
        ops.append(op)
    return replace(graph, ops=tuple(ops))


def remove_dead_operators(graph: Graph) -> Graph:
    """Operators whose outputs nobody reads have no effect (no operator here has a side effect)."""
    wanted = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if wanted.intersection(op.outputs):
            wanted.update(op.inputs)
            kept.append(op)
    return replace(graph, ops=tuple(reversed(kept)))


PASSES: tuple[Callable[[Graph], Graph], ...] = (
    name_reshapes,
    fold_constant_reshapes,
    drop_shape_inputs,
    remove_dead_operators,
)
