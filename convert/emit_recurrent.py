"""C of the operators that remember, LSTM and SVDF."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.emit_layer import Layer, LayerCode, check_sum, emits, refuse, struct_text
from convert.params import LstmParams, SvdfParams
from convert.prepare_recurrent import (
    LSTM_BIASES,
    LSTM_HIDDEN_WEIGHTS,
    LSTM_INPUT_WEIGHTS,
    SVDF_BIAS,
    SVDF_FEATURE_WEIGHTS,
    SVDF_TIME_WEIGHTS,
)

_GATE_NAMES = ("input", "forget", "cell", "output")


def _constant(layer: Layer, position: int) -> NDArray[np.generic]:
    """The data of an input.

    Raises:
        UnsupportedModelError: it is computed.
    """
    tensor = layer.tensors[position]
    if tensor is None or tensor.data is None:
        refuse(layer, "have constant weights", f"a computed input {position}")
    return tensor.data


@emits(LstmParams)
def _lstm(layer: Layer, p: LstmParams) -> LayerCode:
    check_sum(layer, max(p.depth, p.units), 255 * 128)
    definitions = []
    gates: list[tuple[str, ...]] = []
    for i, (name, scales) in enumerate(zip(_GATE_NAMES, p.gates, strict=True)):
        arrays = []
        for ctype, role, position in (
            ("int8_t", "input_weights", LSTM_INPUT_WEIGHTS[i]),
            ("int8_t", "hidden_weights", LSTM_HIDDEN_WEIGHTS[i]),
            ("int32_t", "bias", LSTM_BIASES[i]),
        ):
            array, text = layer.pool.add(
                ctype, f"{layer.name}_{name}_{role}", _constant(layer, position)
            )
            arrays.append(array)
            definitions.append(text)
        numbers = (
            scales.input_multiplier,
            scales.input_shift,
            scales.hidden_multiplier,
            scales.hidden_shift,
        )
        gates.append((*arrays, *map(str, numbers)))
    table, text = layer.pool.add("uint16_t", f"{layer.name}_sigmoid", p.sigmoid_table)
    definitions.append(text)
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_lstm_params",
        params,
        [
            ("batches", p.batches),
            ("steps", p.steps),
            ("batch_stride", 1 if p.time_major else p.steps),
            ("step_stride", p.batches if p.time_major else 1),
            ("depth", p.depth),
            ("units", p.units),
            ("input_offset", p.input_offset),
            ("hidden_offset", p.hidden_offset),
            ("output_offset", p.output_offset),
            ("gates", tuple(gates)),
            ("forget_multiplier", p.forget_multiplier),
            ("forget_shift", p.forget_shift),
            ("update_multiplier", p.update_multiplier),
            ("update_shift", p.update_shift),
            ("output_multiplier", p.output_multiplier),
            ("output_shift", p.output_shift),
            ("tanh_multiplier", p.tanh_multiplier),
            ("tanh_shift", p.tanh_shift),
            ("cell_min", -p.cell_clip if p.cell_clip else -32768),
            ("cell_max", p.cell_clip or 32767),
            ("sigmoid_table", table),
        ],
    )
    hidden, cell = layer.states
    call = f"ws_lstm_s8(&{params}, {layer.inputs[0]}, {hidden}, {cell}, {layer.output});"
    macs = p.batches * p.steps * p.units * len(p.gates) * (p.depth + p.units)
    about = f"{p.steps} steps of {p.depth} values, {p.units} units"
    return LayerCode((*definitions, struct), (call,), "lstm.c", macs, about)


@emits(SvdfParams)
def _svdf(layer: Layer, p: SvdfParams) -> LayerCode:
    check_sum(layer, p.depth, 255 * 128)
    check_sum(layer, p.rank * p.memory, 255 * 128)
    definitions = []
    fields: list[tuple[str, object]] = []
    for ctype, role, position in (
        ("int8_t", "feature_weights", SVDF_FEATURE_WEIGHTS),
        ("int8_t", "time_weights", SVDF_TIME_WEIGHTS),
        ("int32_t", "bias", SVDF_BIAS),
    ):
        array = "NULL"
        if role != "bias" or p.has_bias:
            array, text = layer.pool.add(ctype, f"{layer.name}_{role}", _constant(layer, position))
            definitions.append(text)
        fields.append((role, array))
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_svdf_params",
        params,
        [
            ("batches", p.batches),
            ("depth", p.depth),
            ("units", p.units),
            ("rank", p.rank),
            ("memory", p.memory),
            ("input_offset", p.input_offset),
            ("state_offset", p.state_offset),
            ("output_offset", p.output_offset),
            ("feature_multiplier", p.feature_multiplier),
            ("feature_shift", p.feature_shift),
            ("time_multiplier", p.time_multiplier),
            ("time_shift", p.time_shift),
            *fields,
        ],
    )
    call = f"ws_svdf_s8(&{params}, {layer.inputs[0]}, {layer.states[0]}, {layer.output});"
    macs = p.batches * p.units * p.rank * (p.depth + p.memory)
    about = f"{p.depth} values to {p.units} units of rank {p.rank}, {p.memory} steps remembered"
    return LayerCode((*definitions, struct), (call,), "svdf.c", macs, about)
