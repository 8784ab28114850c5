"""Prepared integers of the operators that pick elements index by index (`convert.picks`)."""

from __future__ import annotations

from convert.errors import UnsupportedModelError
from convert.graph import ITEM_BYTES, Graph, Op
from convert.params import PickParams
from convert.picks import picks_of
from convert.prepare_checks import need, same_quant, where

MOST_DIMENSIONS = 4


def prepare_pick(graph: Graph, op: Op) -> PickParams:
    """What `convert.picks` says."""
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_quant(op, source, output)
    found = picks_of(graph, op)
    if isinstance(found, str):
        raise UnsupportedModelError(f"{where(op)} must take fixed elements. Received: {found}.")
    places, run = found
    if len(places) > MOST_DIMENSIONS:
        raise UnsupportedModelError(
            f"{where(op)} must pick along at most {MOST_DIMENSIONS} dimensions. Received: "
            f"{len(places)}."
        )
    return PickParams(tuple(map(tuple, places)), run, ITEM_BYTES[source.dtype])
