"""What the C target demands of operators that only move values; see `convert.constraints`.

`convert.views` knows the rules; what it cannot express is what was received.
"""

from __future__ import annotations

from convert import graph as g
from convert.constraints import Verdict, output_of, sides
from convert.graph import Graph, Op
from convert.views import view_of


def _is_view(graph: Graph, op: Op) -> Verdict:
    view = view_of(graph, op)
    return not isinstance(view, str), view if isinstance(view, str) else ""


def has_constant_permutation(graph: Graph, op: Op) -> Verdict:
    """The permutation is a constant that names each of at most five dimensions once.

    Use a permutation layer, with the batch as the first dimension.
    """
    return _is_view(graph, op)


def has_constant_limits(graph: Graph, op: Op) -> Verdict:
    """Limits are constants, one per dimension of at most four, and take something.

    Slice along each dimension without ellipsis and new axes, and reshape afterwards.
    """
    return _is_view(graph, op)


def has_constant_begin_and_size(graph: Graph, op: Op) -> Verdict:
    """Begin and size are constants within an input of at most five dimensions.

    Slice with fixed numbers.
    """
    return _is_view(graph, op)


def splits_its_input(graph: Graph, op: Op) -> Verdict:
    """The axis and all sizes are constants, and the outputs fill the input, none of them empty.

    Split into parts of fixed sizes.
    """
    return _is_view(graph, op)


def unpacks_its_input(graph: Graph, op: Op) -> Verdict:
    """There is an output for each index of the axis, with the other dimensions as its shape.

    Export the model again; the file contradicts itself.
    """
    return _is_view(graph, op)


def packs_equal_shapes(graph: Graph, op: Op) -> Verdict:
    """The inputs have one shape, and the output has an index for each along the new axis.

    Export the model again; the file contradicts itself.
    """
    assert isinstance(op.options, g.Pack)
    output, axis = output_of(graph, op).shape, op.options.axis
    shapes = [graph.tensors[i].shape for i in op.inputs]
    detail = f"{', '.join(map(sides, shapes[:16]))} along axis {axis} to {sides(output)}"
    if not -len(output) <= axis < len(output):
        return False, detail
    axis %= len(output)
    single = (*output[:axis], *output[axis + 1 :])
    return set(shapes) == {single} and output[axis] == len(shapes), detail
