"""Prepared integers of the operators that remember: LSTM and SVDF.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math

import numpy as np

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.gate_tables import SIGMOID_TABLE, tanh_factors
from convert.graph import Graph, Lstm, Op, Svdf, Tensor
from convert.params_recurrent import LstmGate, LstmParams, SvdfParams
from convert.prepare_checks import multiplier_of, need, quant_of, where

# Inputs of UNIDIRECTIONAL_SEQUENCE_LSTM (TFLM micro/kernels/lstm_shared.h). Weights and biases
# are four in a row: of the input, forget, cell and output gate.
LSTM_INPUT_WEIGHTS = (1, 2, 3, 4)
LSTM_HIDDEN_WEIGHTS = (5, 6, 7, 8)
LSTM_BIASES = (12, 13, 14, 15)
LSTM_HIDDEN, LSTM_CELL = 18, 19
LSTM_INPUTS = 24
LSTM_UNUSED = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, layer norm
SVDF_FEATURE_WEIGHTS, SVDF_TIME_WEIGHTS, SVDF_BIAS, SVDF_STATE = 1, 2, 3, 4

_GATE_SCALE = 2.0**-12  # arguments of the gates are Q3.12
_Q15 = 2.0**-15  # what the gates give


def _need_shape(op: Op, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Check a shape.

    Raises:
        ModelError: it is another.
    """
    if tensor.shape != shape:
        raise ModelError(
            f"{where(op)} must have a tensor of shape {shape} here. Received: {tensor.shape} for "
            f"tensor {tensor.index}."
        )


def _weights(graph: Graph, op: Op, position: int, shape: tuple[int, ...]) -> float:
    """The one scale of a constant, symmetric int8 matrix."""
    tensor = need(graph, op, op.inputs[position])
    _need_shape(op, tensor, shape)
    scale, zero_point = quant_of(op, tensor)
    if zero_point != 0:
        raise ModelError(
            f"{where(op)} must have weights with zero point 0. Received: {zero_point} for tensor "
            f"{tensor.index}."
        )
    return float(scale)


def _state(graph: Graph, op: Op, position: int, dtype: str, size: int) -> Tensor:
    """A state of `size` elements.

    Raises:
        ModelError: another size, or no variable.
    """
    tensor = need(graph, op, op.inputs[position], "int16" if dtype == "int16" else "int8")
    if tensor.size != size or not tensor.state:
        raise ModelError(
            f"{where(op)} must keep a variable of {size} values here. Received: "
            f"{tensor.size} for tensor {tensor.index}."
        )
    return tensor


def _cell_scale(op: Op, cell: Tensor) -> tuple[float, int]:
    """Scale of the cell state, and its power of two.

    Source: TFLM kernels/internal/quantization_util.cc, `CheckedLog2`; TFLM takes the nearest power
    without a look at how near it is, we do look.

    Raises:
        ModelError: the scale is no power of two, or outside of 2^-20 to 1.
    """
    quant = cell.quant
    scale = quant.scale[0] if quant is not None and len(quant.scale) == 1 else 0.0
    power = fp.round_half_away(math.log2(scale)) if 0 < scale < math.inf else 0
    near = 0 < scale < math.inf and abs(math.log2(scale) - power) < 1e-3
    if not near or not -20 <= power <= 0 or (quant is not None and quant.zero_point != (0,)):
        raise ModelError(
            f"{where(op)} must have a cell state whose scale is a power of two from 2^-20 to 1, "
            f"zero point 0. Received: {scale:g} for tensor {cell.index}."
        )
    return scale, power


def prepare_lstm(graph: Graph, op: Op) -> LstmParams:
    """UNIDIRECTIONAL_SEQUENCE_LSTM.

    Source: TFLM micro/kernels/lstm_eval_common.cc, `PrepareGateParametersInteger`,
    `CreateLstmCellStateInfo`, and unidirectional_sequence_lstm.cc.
    """
    options = op.options
    assert isinstance(options, Lstm)
    if len(op.inputs) != LSTM_INPUTS or any(op.inputs[i] != -1 for i in LSTM_UNUSED):
        raise UnsupportedModelError(
            f"{where(op)} must have no peepholes, projection or layer normalisation. Received: "
            f"inputs {op.inputs}."
        )
    if options.activation != "tanh" or options.diagonal or options.projection_clip:
        raise UnsupportedModelError(
            f"{where(op)} must have tanh as its activation, whole recurrent weights and no clip of "
            f"a projection. Received: {options}."
        )
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    if len(source.shape) != 3:
        raise ModelError(
            f"{where(op)} must read three dimensions. Received: {source.shape} for tensor "
            f"{source.index}."
        )
    first, second, depth = source.shape
    steps, batches = (first, second) if options.time_major else (second, first)
    units = need(graph, op, op.inputs[LSTM_HIDDEN_WEIGHTS[0]]).shape[0]
    _need_shape(op, output, (first, second, units))
    hidden = _state(graph, op, LSTM_HIDDEN, "int8", batches * units)
    cell = _state(graph, op, LSTM_CELL, "int16", batches * units)
    cell_scale, power = _cell_scale(op, cell)
    input_scale, input_zero = quant_of(op, source)
    hidden_scale, hidden_zero = quant_of(op, hidden)
    if quant_of(op, output) != (hidden_scale, hidden_zero):
        raise ModelError(
            f"{where(op)} must have an output with the scale and zero point of its hidden state. "
            f"Received: {quant_of(op, output)} and {(hidden_scale, hidden_zero)}."
        )
    gates = []
    for i in range(4):
        bias = need(graph, op, op.inputs[LSTM_BIASES[i]], "int32")
        _need_shape(op, bias, (units,))
        of_input = _weights(graph, op, LSTM_INPUT_WEIGHTS[i], (units, depth))
        of_hidden = _weights(graph, op, LSTM_HIDDEN_WEIGHTS[i], (units, units))
        gates.append(
            LstmGate(
                *multiplier_of(op, float(input_scale) * of_input / _GATE_SCALE),
                *multiplier_of(op, float(hidden_scale) * of_hidden / _GATE_SCALE),
            )
        )
    forget = multiplier_of(op, _Q15 * cell_scale / cell_scale)
    update = multiplier_of(op, _Q15 * _Q15 / cell_scale)
    result = multiplier_of(op, _Q15 * _Q15 / float(hidden_scale))
    clip = min(max(float(np.float32(options.cell_clip)) / cell_scale, -32768.0), 32767.0)
    tanh_multiplier, tanh_shift = tanh_factors(power)
    return LstmParams(
        batches=batches,
        steps=steps,
        depth=depth,
        units=units,
        time_major=options.time_major,
        input_offset=-input_zero,
        hidden_offset=-hidden_zero,
        output_offset=hidden_zero,
        gates=(gates[0], gates[1], gates[2], gates[3]),
        forget_multiplier=forget[0],
        forget_shift=forget[1],
        update_multiplier=update[0],
        update_shift=update[1],
        output_multiplier=result[0],
        output_shift=result[1],
        tanh_multiplier=tanh_multiplier,
        tanh_shift=tanh_shift,
        cell_clip=int(clip) if options.cell_clip > 0 else 0,
        sigmoid_table=SIGMOID_TABLE,
    )


def prepare_svdf(graph: Graph, op: Op) -> SvdfParams:
    """SVDF. Source: TFLM micro/kernels/svdf_common.cc, `PrepareSvdf`.

    The kernel has no activation: it only clamps to int8. A ReLU is what that clamp is when the
    output's zero point is -128.
    """
    options = op.options
    assert isinstance(options, Svdf)
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    feature = need(graph, op, op.inputs[SVDF_FEATURE_WEIGHTS])
    time = need(graph, op, op.inputs[SVDF_TIME_WEIGHTS])
    if len(source.shape) != 2 or len(feature.shape) != 2 or len(time.shape) != 2:
        raise ModelError(
            f"{where(op)} must have two dimensions in its input and weights. Received: "
            f"{source.shape}, {feature.shape}, {time.shape}."
        )
    batches, depth = source.shape
    filters, memory = time.shape
    if options.rank < 1 or filters % options.rank:
        raise ModelError(
            f"{where(op)} must have a rank that divides its filters. Received: rank "
            f"{options.rank}, {filters} filters."
        )
    units = filters // options.rank
    _need_shape(op, output, (batches, units))
    input_scale, input_zero = quant_of(op, source)
    output_scale, output_zero = quant_of(op, output)
    if options.activation != "none" and (options.activation, output_zero) != ("relu", -128):
        raise UnsupportedModelError(
            f"{where(op)} must have no activation, or RELU and an output whose zero point is -128. "
            f"Received: {options.activation}, zero point {output_zero}."
        )
    state = _state(graph, op, SVDF_STATE, "int8", batches * filters * memory)
    state_scale, state_zero = quant_of(op, state)
    feature_scale = _weights(graph, op, SVDF_FEATURE_WEIGHTS, (filters, depth))
    time_scale = _weights(graph, op, SVDF_TIME_WEIGHTS, (filters, memory))
    has_bias = op.inputs[SVDF_BIAS] != -1
    if has_bias:
        _need_shape(op, need(graph, op, op.inputs[SVDF_BIAS], "int32"), (units,))
    of_feature = multiplier_of(op, float(input_scale) * feature_scale / float(state_scale))
    of_time = multiplier_of(op, float(state_scale) * time_scale / float(output_scale))
    return SvdfParams(
        batches=batches,
        depth=depth,
        units=units,
        rank=options.rank,
        memory=memory,
        has_bias=has_bias,
        input_offset=-input_zero,
        state_offset=state_zero,
        output_offset=output_zero,
        feature_multiplier=of_feature[0],
        feature_shift=of_feature[1],
        time_multiplier=of_time[0],
        time_shift=of_time[1],
    )
