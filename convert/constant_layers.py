"""The layers of a graph whose weights are known when C is made, as the families of kernels ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.graph import Codes, Graph
from convert.params import Params
from convert.prepare_wide import is_wide


@dataclass(frozen=True)
class ConstantLayer:
    """One operator with constant weights and int8 values.

    Attributes:
        position: in `Graph.ops`.
        params: of the operator.
        weights: int8, of the shape in the .tflite.
        bias: int32, one per output channel, or None.
        codes: how the weights are kept in 4 bits, or None.
    """

    position: int
    params: Params
    weights: NDArray[np.int8]
    bias: NDArray[np.int32] | None
    codes: Codes | None


def constant_layers(graph: Graph, params: Sequence[Params]) -> Iterator[ConstantLayer]:
    """Those layers of `graph`, in the order in which they run.

    Args:
        graph: with codes where weights are to be kept in 4 bits.
        params: of its operators.
    """
    for position, (op, mine) in enumerate(zip(graph.ops, params, strict=True)):
        weights, bias = (
            graph.tensors[op.inputs[i]] if len(op.inputs) > i and op.inputs[i] != -1 else None
            for i in (1, 2)
        )
        if weights is None or weights.data is None or weights.dtype not in ("int8", "int4"):
            continue
        if is_wide(graph, op) or (bias is not None and bias.data is None):
            continue
        if weights.dtype == "int4" and weights.codes is None:
            continue
        yield ConstantLayer(
            position,
            mine,
            np.asarray(weights.data, np.int8),
            None if bias is None else np.asarray(bias.data, np.int32),
            weights.codes,
        )
