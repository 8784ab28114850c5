"""Small rewrites before C is made. Each is sound on its own, and the graph is verified after each.

Tensors keep their indices (and operators `Op.index`), so that layers are named alike by every back
end; tensors that nothing uses any more simply stay in the list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convert import graph as g
from convert.graph import Graph, Op
from convert.lut import fold_tables
from convert.views import moves_values

# What exporters compute shapes with; the same inputs always give the same outputs.
_ON_SHAPES = frozenset(
    (
        *("ADD", "CAST", "CONCATENATION", "EXPAND_DIMS", "FLOOR_DIV", "GATHER", "MUL", "PACK"),
        *("REDUCE_PROD", "RESHAPE", "SLICE", "SQUEEZE", "STRIDED_SLICE", "SUB"),
    )
)


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
    """SQUEEZE and EXPAND_DIMS are RESHAPEs: the output's shape is known.

    So is a TRANSPOSE that only moves dimensions of 1.
    """
    ops = tuple(_as_reshape(graph, op) for op in graph.ops)
    return replace(graph, ops=ops)


def _as_reshape(graph: Graph, op: Op) -> Op:
    if op.kind == "TRANSPOSE" and not moves_values(graph, op):
        return replace(op, kind="RESHAPE", inputs=op.inputs[:1])
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
    """RESHAPE needs no shape tensor that only shapes decide: the output's shape says the same.

    Keras 3 computes it with SHAPE, STRIDED_SLICE and PACK when the batch size is left open. TFLite
    Micro takes the output's shape from the file, too, and never reads the values.
    """
    known = {t.index for t in graph.tensors if t.data is not None}
    for op in graph.ops:
        if op.kind == "SHAPE" or (op.kind in _ON_SHAPES and known.issuperset(op.inputs)):
            known.update(op.outputs)
    ops = []
    for op in graph.ops:
        if op.kind == "RESHAPE" and len(op.inputs) == 2 and op.inputs[1] in {*known, -1}:
            op = replace(op, inputs=op.inputs[:1])
        ops.append(op)
    return replace(graph, ops=tuple(ops))


def name_states(graph: Graph) -> Graph:
    """Without VAR_HANDLE and CALL_ONCE; ASSIGN_VARIABLE reads its value and writes the state."""
    ops: list[Op] = []
    for op in graph.ops:
        if op.kind == "ASSIGN_VARIABLE" and len(op.inputs) == 2 and not op.outputs:
            ops.append(replace(op, inputs=op.inputs[1:], outputs=op.inputs[:1]))
        elif op.kind not in ("VAR_HANDLE", "CALL_ONCE"):
            ops.append(op)
    return replace(graph, ops=tuple(ops))


def order_transposed(graph: Graph) -> Graph:
    """TRANSPOSE_CONV with its values first, then weights and bias, as other operators have them.

    The wanted shape, which is its first input in a file, is that of the output.
    """
    ops = []
    for op in graph.ops:
        as_stored = op.kind == "TRANSPOSE_CONV" and len(op.inputs) in (3, 4)
        if as_stored and op.inputs[0] != -1 and graph.tensors[op.inputs[0]].dtype == "int32":
            op = replace(op, inputs=(op.inputs[2], op.inputs[1], *op.inputs[3:]))
        ops.append(op)
    return replace(graph, ops=tuple(ops))


def remove_dead_operators(graph: Graph) -> Graph:
    """Operators whose outputs nobody reads have no effect, but for those that write states."""
    wanted = set(graph.outputs) | {state.index for state in graph.states}
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if wanted.intersection(op.outputs):
            wanted.update(op.inputs)
            kept.append(op)
    return replace(graph, ops=tuple(reversed(kept)))


def part_outputs(graph: Graph) -> Graph:
    """One operator for each output of SPLIT, SPLIT_V and UNPACK, values first among the inputs."""
    ops: list[Op] = []
    for op in graph.ops:
        options = op.options
        if not isinstance(options, g.Part) or options.number >= 0 or not op.outputs:
            ops.append(op)
            continue
        inputs = op.inputs[::-1] if op.kind == "SPLIT" else op.inputs
        count = len(op.outputs)
        for number, output in enumerate(op.outputs):
            part = replace(options, number=number, count=count)
            ops.append(replace(op, inputs=inputs, outputs=(output,), options=part))
    return replace(graph, ops=tuple(ops))


PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_tables,
    name_states,
    part_outputs,
    name_reshapes,
    fold_constant_reshapes,
    drop_shape_inputs,
    order_transposed,
    remove_dead_operators,
)
