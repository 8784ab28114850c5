"""UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF in integers; states are changed in place.

Arrays carry the clips first and then the model's own shape. Sums go through float64 as in
`convolution`, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.gate_tables import sigmoid_int16, tanh_int16
from convert.params_recurrent import LstmParams, SvdfParams
from simulate.reference.convolution import check_depth

Int8Array = NDArray[np.int8]


def _clamp16(x: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.clip(x.astype(np.int64), -32768, 32767)


def _products(x: Int8Array, offset: int, weights: Int8Array) -> NDArray[np.int64]:
    """Sums of (x + offset) * w over the last axis: (..., depth), (units, depth) -> (..., units)."""
    check_depth(x.shape[-1])
    moved = (x.astype(np.int64) + offset).astype(np.float64)
    return (moved @ weights.T.astype(np.float64)).astype(np.int64)


def lstm(
    p: LstmParams,
    x: Int8Array,
    constants: Sequence[Sequence[NDArray]],
    hidden: Int8Array,
    cell: NDArray[np.int16],
) -> Int8Array:
    """All steps of an LSTM.

    Args:
        p: numbers.
        x: (clips, batches, steps, depth), or (clips, steps, batches, depth) when time-major.
        constants: int8 weights of the input (units, depth), int8 weights of the hidden state
            (units, units) and int32 biases (units,), each of the input, forget, cell and output
            gate.
        hidden: (clips, batches, units), changed in place.
        cell: (clips, batches, units), changed in place.

    Returns:
        The hidden states after each step, ordered as `x`.
    """
    mbqm = fp.multiply_by_quantized_multiplier
    input_weights, hidden_weights, biases = constants
    sequence = np.moveaxis(x, 1 if p.time_major else 2, 0)
    # What the inputs add to the gates' arguments, for all steps at once.
    from_input = [
        _clamp16(
            mbqm(_products(sequence, p.input_offset, w) + b, g.input_multiplier, g.input_shift)
        )
        for g, w, b in zip(p.gates, input_weights, biases, strict=True)
    ]
    outputs = np.empty((*sequence.shape[:-1], p.units), np.int8)
    for step in range(p.steps):
        arguments = [
            _clamp16(
                from_input[i][step]
                + _clamp16(
                    mbqm(
                        _products(hidden, p.hidden_offset, hidden_weights[i]),
                        g.hidden_multiplier,
                        g.hidden_shift,
                    )
                )
            )
            for i, g in enumerate(p.gates)
        ]
        let_in, keep = (sigmoid_int16(a).astype(np.int64) for a in arguments[:2])
        candidate = tanh_int16(arguments[2], 3, 0).astype(np.int64)
        let_out = sigmoid_int16(arguments[3]).astype(np.int64)
        kept = _clamp16(mbqm(keep * cell, p.forget_multiplier, p.forget_shift))
        added = _clamp16(mbqm(let_in * candidate, p.update_multiplier, p.update_shift))
        new = _clamp16(kept + added)
        if p.cell_clip:
            new = np.clip(new, -p.cell_clip, p.cell_clip)
        cell[...] = new
        bounded = tanh_int16(new, p.tanh_multiplier, p.tanh_shift).astype(np.int64)
        scaled = mbqm(bounded * let_out, p.output_multiplier, p.output_shift)
        hidden[...] = np.clip(scaled.astype(np.int64) + p.output_offset, -128, 127)
        outputs[step] = hidden
    return np.ascontiguousarray(np.moveaxis(outputs, 0, 1 if p.time_major else 2))


def svdf(
    p: SvdfParams,
    x: Int8Array,
    constants: Sequence[NDArray | None],
    state: Int8Array,
) -> Int8Array:
    """One step of an SVDF.

    Args:
        p: numbers.
        x: (clips, batches, depth).
        constants: int8 weights of the input (filters, depth), filters being units * rank, int8
            weights over time (filters, memory), and int32 bias (units,) or None.
        state: (clips, batches, filters, memory), changed in place; the newest value is last.

    Returns:
        (clips, batches, units).
    """
    mbqm = fp.multiply_by_quantized_multiplier
    feature_weights, time_weights, bias = constants
    assert feature_weights is not None and time_weights is not None
    sums = _products(x, p.input_offset, feature_weights)
    newest = np.clip(mbqm(sums, p.feature_multiplier, p.feature_shift), -128, 127).astype(np.int64)
    state[..., :-1] = state[..., 1:].copy()
    state[..., -1] = (newest + p.state_offset).astype(np.int8)  # 8 bits, without saturation
    over_time = (state.astype(np.int64) - p.state_offset) * time_weights.astype(np.int64)
    units = over_time.reshape(*state.shape[:2], p.units, p.rank * p.memory).sum(axis=-1)
    if bias is not None:
        units = units + bias
    scaled = mbqm(units, p.time_multiplier, p.time_shift).astype(np.int64)
    return np.clip(scaled + p.output_offset, -128, 127).astype(np.int8)
