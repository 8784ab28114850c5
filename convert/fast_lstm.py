"""LSTM for the DSP kernels: which layers they compute, and their weights in half-words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.fast_halves import filled, halves_of, in_eights
from convert.graph import Graph, Op
from convert.lstm_scales import lstm_scales
from convert.overlap import Overlaps
from convert.params import Params
from convert.params_recurrent import LstmParams
from convert.prepare_recurrent import LSTM_BIASES, LSTM_HIDDEN_WEIGHTS, LSTM_INPUT_WEIGHTS


@dataclass(frozen=True)
class FastLstm:
    """One layer.

    Attributes:
        params: of the operator.
        halves: int16, weights of the input and of the hidden state, as ws_lstm_dsp_params has them.
        left: some sum of a gate is shifted to the left.
        overlaps: none; each step reads what the one before it has written elsewhere.
        scratch: bytes.
    """

    params: LstmParams
    halves: tuple[NDArray[np.int16], NDArray[np.int16]]
    left: bool
    overlaps: Overlaps = ()
    scratch: int = 0


def fast_lstms(graph: Graph, params: Sequence[Params]) -> dict[int, FastLstm]:
    """The layers that the DSP kernel computes, by their position in `graph.ops`."""
    found = {}
    for position, (op, p) in enumerate(zip(graph.ops, params, strict=True)):
        made = _layer(graph, op, p) if isinstance(p, LstmParams) else None
        if made is not None:
            found[position] = made
    return found


def _layer(graph: Graph, op: Op, p: LstmParams) -> FastLstm | None:
    """None where the plain kernel must do it."""
    biases = [graph.tensors[op.inputs[position]].data for position in LSTM_BIASES]
    known = [np.asarray(data) for data in biases if data is not None]
    if len(known) < len(biases):
        return None
    scales = lstm_scales(p, np.stack(known))
    if not scales.usual:
        return None
    made = []
    for positions in (LSTM_INPUT_WEIGHTS, LSTM_HIDDEN_WEIGHTS):
        gates = [graph.tensors[op.inputs[position]].data for position in positions]
        if any(data is None for data in gates):
            return None
        halves = _halves(np.stack([np.asarray(data, np.int8) for data in gates], axis=1))
        if halves is None:
            return None
        made.append(halves)
    return FastLstm(p, (made[0], made[1]), left=not scales.to_the_right)


def _halves(weights: NDArray[np.int8]) -> NDArray[np.int16] | None:
    """(units, gates, values), in the order of ws_dot_1x8; None where sums need a correction."""
    units, gates, values = weights.shape
    rows = filled(weights.reshape(units * gates, 1, values))[:, 0]
    padded = np.pad(rows, ((0, units % 2 * gates), (0, 0)))
    halves = halves_of(padded)
    if halves is None or halves.chunk < rows.shape[1] or len(halves.too_low) > 1:
        return None
    return in_eights(halves.words)
