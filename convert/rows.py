"""Operators for some rows of their output only, as ordinary operators on a smaller image.

A row of the output is made from a few neighbouring rows of the input. With these alone as the
input, and the padding that is left of the layer's own, the same kernel gives the same values: each
of them is computed from the same numbers in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convert.graph import Graph, Op
from convert.params import (
    AddParams,
    ConvParams,
    DepthwiseConvParams,
    ExtremeParams,
    MulParams,
    PadParams,
    Params,
    PoolParams,
    Shape,
    SquaredDifferenceParams,
    SubParams,
    TableParams,
)

_BYTES = ("int8", "uint8")
_ELEMENTWISE = (AddParams, SubParams, MulParams, ExtremeParams, SquaredDifferenceParams)


@dataclass(frozen=True)
class Reach:
    """Rows of the input that rows of the output are made from.

    Attributes:
        stride: rows of the input from one row of the output to the next.
        rows: that one row of the output sees.
        padding: rows of these that lie above the input, for the first row of the output.
    """

    stride: int
    rows: int
    padding: int

    def needed(self, first: int, end: int, height: int) -> tuple[int, int]:
        """First row of the input, and the one after the last, for output rows first to end - 1.

        Args:
            first: row of the output.
            end: the row after the last one, more than `first`.
            height: rows of the input.
        """
        low = first * self.stride - self.padding
        high = (end - 1) * self.stride - self.padding + self.rows
        return max(low, 0), min(high, height)


def is_image(graph: Graph, tensor: int) -> bool:
    """Whether a tensor is computed, of bytes, and one image of rows, columns and channels."""
    t = graph.tensors[tensor]
    return t.data is None and t.dtype in _BYTES and len(t.shape) == 4 and t.shape[0] == 1


def reach_of(graph: Graph, op: Op, p: Params) -> Reach | None:
    """How rows of an operator's input and output belong together; None where it has no such order.

    All inputs that hold values are images of as many rows.
    """
    if len(op.outputs) != 1 or not all(is_image(graph, i) for i in (*op.values, *op.outputs)):
        return None
    shapes = {graph.tensors[i].shape for i in (*op.values, *op.outputs)}
    if isinstance(p, ConvParams | DepthwiseConvParams):
        return Reach(p.stride[0], (p.filter_shape[1] - 1) * p.dilation[0] + 1, p.padding[0])
    if isinstance(p, PoolParams):
        return Reach(p.stride[0], p.window[0], p.padding[0])
    if isinstance(p, PadParams):
        return Reach(1, 1, p.before[1]) if p.before[0] == p.after[0] == 0 else None
    if isinstance(p, TableParams) or (isinstance(p, _ELEMENTWISE) and len(shapes) == 1):
        return Reach(1, 1, 0) if len({shape[1:3] for shape in shapes}) == 1 else None
    return None


def with_rows(p: Params, rows: int, above: int, count: int, values: int) -> Params:
    """The operator for some rows of its output.

    Args:
        p: of an operator that `reach_of` knows.
        rows: of the input that there are.
        above: rows of padding over them.
        count: rows of the output.
        values: in a row of the output.
    """

    def cut(shape: Shape, height: int) -> Shape:
        return (shape[0], height, *shape[2:])

    match p:
        case ConvParams() | DepthwiseConvParams() | PoolParams():
            return replace(
                p,
                input_shape=cut(p.input_shape, rows),
                output_shape=cut(p.output_shape, count),
                padding=(above, p.padding[1]),
            )
        case PadParams():
            return replace(
                p,
                input_shape=cut(p.input_shape, rows),
                output_shape=cut(p.output_shape, count),
                before=(0, above, *p.before[2:]),
                after=(0, count - above - rows, *p.after[2:]),
            )
        case AddParams() | SubParams() | MulParams() | ExtremeParams() | SquaredDifferenceParams():
            return replace(
                p,
                input1_shape=cut(p.input1_shape, count),
                input2_shape=cut(p.input2_shape, count),
                output_shape=cut(p.output_shape, count),
            )
        case TableParams():
            return replace(p, size=count * values)
        case _:
            raise AssertionError(f"there are no rows of {type(p).__name__}")
