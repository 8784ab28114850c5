"""What the C target demands of LSTM, SVDF and slices; see `convert.constraints`."""

from __future__ import annotations

import math

import numpy as np

from convert import graph as g
from convert.constraints import Verdict, named, sides
from convert.graph import Graph, Op, Tensor
from convert.prepare_recurrent import (
    LSTM_BIASES,
    LSTM_CELL,
    LSTM_HIDDEN,
    LSTM_HIDDEN_WEIGHTS,
    LSTM_INPUT_WEIGHTS,
    LSTM_INPUTS,
    LSTM_UNUSED,
    SVDF_BIAS,
    SVDF_FEATURE_WEIGHTS,
    SVDF_STATE,
    SVDF_TIME_WEIGHTS,
)

_INT32_MAX = 2**31 - 1
_LEAST_SCALE = 2.0**-20
_WEIGHTS = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (*LSTM_INPUT_WEIGHTS, *LSTM_HIDDEN_WEIGHTS),
    "SVDF": (SVDF_FEATURE_WEIGHTS, SVDF_TIME_WEIGHTS),
}


def _at(graph: Graph, op: Op, position: int) -> Tensor:
    return graph.tensors[op.inputs[position]]


def _biases(op: Op) -> tuple[int, ...]:
    places = LSTM_BIASES if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM" else (SVDF_BIAS,)
    return tuple(i for i in places if op.inputs[i] != -1)


def is_a_plain_lstm(graph: Graph, op: Op) -> Verdict:
    """An LSTM has its four gates, tanh as activation, and nothing else.

    Use the LSTM layer of Keras as it is, without peepholes, projection or layer normalisation.
    """
    o = op.options
    assert isinstance(o, g.Lstm)
    more = [i for i in LSTM_UNUSED if i < len(op.inputs) and op.inputs[i] != -1]
    needed = (*_WEIGHTS[op.kind], *LSTM_BIASES, LSTM_HIDDEN, LSTM_CELL)
    whole = len(op.inputs) == LSTM_INPUTS and all(op.inputs[i] != -1 for i in needed)
    plain = o.activation == "tanh" and not o.diagonal and not o.projection_clip and not more
    return whole and plain and math.isfinite(o.cell_clip), (
        f"inputs {op.inputs}, activation {o.activation}"
    )


def keeps_its_states(graph: Graph, op: Op) -> Verdict:
    """States are variables, which one operator reads and writes.

    Export the model again; the file contradicts itself.
    """
    for position in g.STATES[op.kind]:
        tensor = _at(graph, op, position)
        if not tensor.state:
            return False, f"{named(tensor)}, which is no variable"
    return True, ""


def has_constant_plain_weights(graph: Graph, op: Op) -> Verdict:
    """Weights and biases are constants; weights have one positive scale and zero point 0.

    Convert the model again; TFLite Micro takes no scale per channel here.
    """
    for position in (*_WEIGHTS[op.kind], *_biases(op)):
        tensor = _at(graph, op, position)
        if tensor.data is None:
            return False, f"computed {named(tensor)}"
        if position in _biases(op):
            continue
        q = tensor.quant
        if q is None or len(q.scale) != 1 or not 0 < q.scale[0] < math.inf:
            return False, f"scales {q.scale[:4] if q else 'absent'} for {named(tensor)}"
        if q.zero_point != (0,):
            return False, f"zero point {q.zero_point[0]} for {named(tensor)}"
    return True, ""


def has_lstm_shapes(graph: Graph, op: Op) -> Verdict:
    """Input, output, weights, biases and states have the sizes of one LSTM.

    Export the model again; the file contradicts itself.
    """
    o = op.options
    assert isinstance(o, g.Lstm)
    source, output = graph.tensors[op.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
    if len(source) != 3:
        return False, f"{sides(source)} for the input"
    units = _at(graph, op, LSTM_HIDDEN_WEIGHTS[0]).shape[0]
    batch = source[1] if o.time_major else source[0]
    wanted = dict.fromkeys(LSTM_INPUT_WEIGHTS, (units, source[2]))
    wanted |= dict.fromkeys(LSTM_HIDDEN_WEIGHTS, (units, units))
    for position, shape in wanted.items():
        if _at(graph, op, position).shape != shape:
            return False, f"{sides(_at(graph, op, position).shape)}, not {sides(shape)}"
    for position in LSTM_BIASES:
        if _at(graph, op, position).shape != (units,):
            return False, f"{sides(_at(graph, op, position).shape)} for a bias"
    for position in (LSTM_HIDDEN, LSTM_CELL):
        if _at(graph, op, position).size != batch * units:
            return False, f"{_at(graph, op, position).size} values for a state"
    return output == (*source[:2], units), f"{sides(output)} for the output"


def has_lstm_scales(graph: Graph, op: Op) -> Verdict:
    """Hidden state and output share their scale (2^-20 or more); cells have 2^0, 2^-1, ... 2^-20.

    Convert the model again; the TFLite converter sets them so.
    """
    hidden, cell = _at(graph, op, LSTM_HIDDEN).quant, _at(graph, op, LSTM_CELL).quant
    output = graph.tensors[op.outputs[0]].quant
    if hidden is None or cell is None or len(cell.scale) != 1:
        return False, "a state without one scale"
    if hidden != output:
        return False, f"{hidden} for the hidden state, {output} for the output"
    scale = cell.scale[0]
    fits = _LEAST_SCALE <= scale <= 1 and hidden.scale[0] >= _LEAST_SCALE
    near = scale > 0 and abs(math.log2(scale) - round(math.log2(scale))) < 1e-3
    return fits and near and cell.zero_point == (0,), (
        f"scale {scale:g}, zero point {cell.zero_point[0]} for the cells, {hidden.scale[0]:g} for "
        "the hidden state"
    )


def has_svdf_shapes(graph: Graph, op: Op) -> Verdict:
    """Input, output, weights, bias and state have the sizes of one SVDF; the rank divides filters.

    Export the model again; the file contradicts itself.
    """
    o = op.options
    assert isinstance(o, g.Svdf)
    source, output = graph.tensors[op.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
    feature = _at(graph, op, SVDF_FEATURE_WEIGHTS).shape
    time = _at(graph, op, SVDF_TIME_WEIGHTS).shape
    detail = f"{', '.join(map(sides, (source, feature, time, output)))}, rank {o.rank}"
    if not len(source) == len(feature) == len(time) == 2 or o.rank < 1:
        return False, detail
    filters, memory = time
    units = filters // o.rank
    fits = feature == (filters, source[1]) and output == (source[0], units)
    fits = fits and units * o.rank == filters
    fits = fits and _at(graph, op, SVDF_STATE).size == source[0] * filters * memory
    if op.inputs[SVDF_BIAS] != -1:
        fits = fits and _at(graph, op, SVDF_BIAS).shape == (units,)
    return fits, detail


def has_svdf_scales(graph: Graph, op: Op) -> Verdict:
    """The state has one positive scale; with RELU the output's zero point is -128.

    TFLite Micro's SVDF only clamps to int8, which then is a ReLU: quantize the output from 0 up.
    """
    o = op.options
    assert isinstance(o, g.Svdf)
    state, output = _at(graph, op, SVDF_STATE).quant, graph.tensors[op.outputs[0]].quant
    assert output is not None
    if state is None or len(state.scale) != 1 or not 0 < state.scale[0] < math.inf:
        return False, f"{state} for the state"
    if not -128 <= state.zero_point[0] <= 127:
        return False, f"zero point {state.zero_point[0]} for the state"
    relu = (o.activation, output.zero_point[0]) == ("relu", -128)
    detail = f"activation {o.activation}, zero point {output.zero_point[0]}"
    return o.activation == "none" or relu, detail


def has_svdf_bias_scale(graph: Graph, op: Op) -> Verdict:
    """|state scale * scale of the weights over time - bias scale| < 1e-5.

    Convert the model again; its bias is quantized with another scale than the sums.
    """
    if op.inputs[SVDF_BIAS] == -1:
        return True, ""
    state, time = (_at(graph, op, i).quant for i in (SVDF_STATE, SVDF_TIME_WEIGHTS))
    assert state is not None and time is not None
    bias = _at(graph, op, SVDF_BIAS).quant
    found = bias.scale[0] if bias is not None else 0.0
    wanted = float(np.float32(state.scale[0]) * np.float32(time.scale[0]))
    return abs(found - wanted) < 1e-5, f"{found:g} instead of {wanted:g}"


def has_bounded_gate_sums(graph: Graph, op: Op) -> Verdict:
    """No input can make an int32 accumulator overflow: 255 * sum of |weights| + |bias| < 2^31.

    Use fewer inputs per unit or a smaller bias.
    """
    worst = 0
    rank = op.options.rank if isinstance(op.options, g.Svdf) else 1
    for position in _WEIGHTS[op.kind]:
        data = _at(graph, op, position).data
        assert data is not None
        sums = 255 * np.abs(data.astype(np.int64)).reshape(len(data), -1).sum(axis=1)
        if position == SVDF_TIME_WEIGHTS and op.kind == "SVDF":
            sums = sums.reshape(-1, rank).sum(axis=1)
        worst = max(worst, int(sums.max()))
    largest = 0
    for position in _biases(op):
        data = _at(graph, op, position).data
        assert data is not None
        largest = max(largest, int(np.abs(data.astype(np.int64)).max()))
    return worst + largest <= _INT32_MAX, f"up to {worst + largest}"


def has_moderate_gate_scales(graph: Graph, op: Op) -> Verdict:
    """Every product of an input's and a weight's scale is below 2^30 times the result's.

    Calibrate with representative data and convert again.
    """
    source, output = graph.tensors[op.inputs[0]].quant, graph.tensors[op.outputs[0]].quant
    state = _at(graph, op, g.STATES[op.kind][0]).quant
    assert source is not None and output is not None and state is not None
    pairs = []
    for position in _WEIGHTS[op.kind]:
        q = _at(graph, op, position).quant
        assert q is not None
        if op.kind == "SVDF":
            first = position == SVDF_FEATURE_WEIGHTS
            before, after = (source, state) if first else (state, output)
            pairs.append(before.scale[0] * q.scale[0] / after.scale[0])
        else:
            before = source if position in LSTM_INPUT_WEIGHTS else state
            pairs.append(before.scale[0] * q.scale[0] * 2**12)
    return max(pairs) < 2**30, f"{max(pairs):g}"
