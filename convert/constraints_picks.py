"""What the C target demands of operators that pick elements; see `convert.constraints`.

`convert.picks` knows the rules; what it cannot express is what was received.
"""

from __future__ import annotations

from convert.constraints import Verdict
from convert.graph import Graph, Op
from convert.picks import picks_of
from convert.prepare_picks import MOST_DIMENSIONS


def _picks(graph: Graph, op: Op) -> Verdict:
    found = picks_of(graph, op)
    if isinstance(found, str):
        return False, found
    return len(found[0]) <= MOST_DIMENSIONS, f"{len(found[0])} dimensions"


def has_constant_size(graph: Graph, op: Op) -> Verdict:
    """The size is a constant of two numbers, of an input of four dimensions.

    Resize to a fixed height and width.
    """
    return _picks(graph, op)


def has_mirrored_paddings(graph: Graph, op: Op) -> Verdict:
    """Paddings are constants that reach no further than the input, of at most four dimensions.

    Pad with fixed amounts, or with zeros.
    """
    return _picks(graph, op)


def has_constant_indices(graph: Graph, op: Op) -> Verdict:
    """Indices are constants within the axis, along one dimension, without batch dimensions.

    Slice with fixed numbers.
    """
    return _picks(graph, op)


def has_whole_blocks(graph: Graph, op: Op) -> Verdict:
    """Blocks divide an input of four dimensions and give the output's shape.

    Export the model again; the file contradicts itself.
    """
    return _picks(graph, op)
