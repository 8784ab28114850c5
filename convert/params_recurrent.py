"""Parameters of operators that go from step to step; see `convert.params`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LstmGate:
    """One gate: clamp16(mbqm(bias + sum(w * (x + input_offset)), input ...)) and the same of the
    hidden state, added and clamped to int16: the gate's argument in Q3.12.
    """

    input_multiplier: int
    input_shift: int
    hidden_multiplier: int
    hidden_shift: int


@dataclass(frozen=True)
class LstmParams:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with int16 cells; `gates` are input, forget, cell, output.

    With i, f, o the sigmoids and g the tanh of the gates (Q0.15), for each step:
    cell = clip(clamp16(clamp16(mbqm(f * cell, forget)) + clamp16(mbqm(i * g, update)))),
    hidden = output = clamp(mbqm(tanh(cell) * o, output) + output_offset). The clip is to
    [-cell_clip, cell_clip], none when 0. `tanh_multiplier` and `tanh_shift` take a cell to the
    argument of `gate_tables.tanh_int16`. Hidden and cell state are (batches, units).
    """

    batches: int
    steps: int
    depth: int
    units: int
    time_major: bool
    input_offset: int
    hidden_offset: int
    output_offset: int
    gates: tuple[LstmGate, LstmGate, LstmGate, LstmGate]
    forget_multiplier: int
    forget_shift: int
    update_multiplier: int
    update_shift: int
    output_multiplier: int
    output_shift: int
    tanh_multiplier: int
    tanh_shift: int
    cell_clip: int
    sigmoid_table: tuple[int, ...]  # uint16, 256 entries


@dataclass(frozen=True)
class SvdfParams:
    """SVDF, int8: a projection of the input, remembered, weighted over time and summed.

    state[f] moves left by one and takes clamp(mbqm(sum(w_f * (x + input_offset)), feature)) +
    state_offset at its end, in 8 bits; out[u] = clamp(mbqm(bias + sum over its `rank` filters and
    `memory` values of w_time * (state - state_offset), time) + output_offset). The state is
    (batches, units * rank, memory).
    """

    batches: int
    depth: int
    units: int
    rank: int
    memory: int
    has_bias: bool
    input_offset: int
    state_offset: int
    output_offset: int
    feature_multiplier: int
    feature_shift: int
    time_multiplier: int
    time_shift: int
