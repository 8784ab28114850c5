"""C of the operators that remember, LSTM and SVDF."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.emit_layer import Layer, LayerCode, check_sum, emits, refuse, struct_text
from convert.lstm_scales import lstm_scales
from convert.params_recurrent import LstmParams, SvdfParams
from convert.prepare_recurrent import (
    LSTM_BIASES,
    LSTM_HIDDEN_WEIGHTS,
    LSTM_INPUT_WEIGHTS,
    SVDF_BIAS,
    SVDF_FEATURE_WEIGHTS,
    SVDF_TIME_WEIGHTS,
)


def _constant(layer: Layer, position: int) -> NDArray[np.generic]:
    """The data of an input.

    Raises:
        UnsupportedModelError: it is computed.
    """
    tensor = layer.tensors[position]
    if tensor is None or tensor.data is None:
        refuse(layer, "have constant weights", f"a computed input {position}")
    return tensor.data


def _folded(
    weights: NDArray[np.generic], offset: int, bias: NDArray[np.generic] | None
) -> NDArray[np.int32]:
    """A bias for each row of `weights` with what an input's offset adds to its sum; sums wrap."""
    total = offset * weights.astype(np.int64).sum(axis=-1)
    if bias is not None:
        total = total + bias.astype(np.int64).reshape(total.shape)
    return total.astype(np.int32)


@emits(LstmParams)
def _lstm(layer: Layer, p: LstmParams) -> LayerCode:
    return emit_lstm(layer, p)


def emit_lstm(
    layer: Layer,
    p: LstmParams,
    halves: tuple[NDArray[np.int16], NDArray[np.int16]] | None = None,
    *,
    left: bool = False,
) -> LayerCode:
    """The C of an LSTM; with `halves` and `left` (`convert.fast_lstm`) for the DSP instructions.

    Raises:
        UnsupportedModelError: weights are computed, or a sum would overflow int32.
    """
    check_sum(layer, max(p.depth, p.units), 255 * 128)
    definitions = []

    def of_gates(positions: tuple[int, ...]) -> NDArray[np.generic]:
        """(units, gates, ...): the four gates of a unit behind each other."""
        return np.stack([_constant(layer, position) for position in positions], axis=1)

    biases = of_gates(LSTM_BIASES).astype(np.int64)
    scales = lstm_scales(p, biases)
    input_weights, hidden_weights = of_gates(LSTM_INPUT_WEIGHTS), of_gates(LSTM_HIDDEN_WEIGHTS)
    fields: list[tuple[str, object]] = []
    weights: list[tuple[str, object]] = []
    kept = (input_weights, hidden_weights) if halves is None else halves
    for role, values in zip(("input_weights", "hidden_weights"), kept, strict=True):
        ctype = "int8_t" if halves is None else "int16_t"
        array, text = layer.pool.add(ctype, f"{layer.name}_{role}", values)
        definitions.append(text)
        weights.append((role, array))
    times = 1 if halves is None else 2  # as ws_lstm_dsp has them
    for role, values in (
        ("input_bias", _folded(input_weights, p.input_offset, biases)),
        ("hidden_bias", _folded(hidden_weights, p.hidden_offset, None)),
    ):
        array, text = layer.pool.add("int32_t", f"{layer.name}_{role}", times * values)
        definitions.append(text)
        fields.append((role, array))
    table, text = layer.pool.add("uint16_t", f"{layer.name}_sigmoid", p.sigmoid_table)
    definitions.append(text)
    params = f"{layer.name}_params"
    fields = [
        ("batches", p.batches),
        ("steps", p.steps),
        ("batch_stride", 1 if p.time_major else p.steps),
        ("step_stride", p.batches if p.time_major else 1),
        ("depth", p.depth),
        ("units", p.units),
        ("output_offset", p.output_offset),
        ("gates", scales.gates),
        ("forget", scales.forget),
        ("update", scales.update),
        ("result", scales.result),
        ("tanh_multiplier", p.tanh_multiplier),
        ("tanh_half", 1 << p.tanh_shift >> 1),
        ("tanh_shift", p.tanh_shift),
        ("cell_min", -p.cell_clip if p.cell_clip else -32768),
        ("cell_max", p.cell_clip or 32767),
        ("sigmoid_table", table),
        *fields,
    ]
    ctype, function = "ws_lstm_params", "ws_lstm_s8"
    files: tuple[str, ...] = ("lstm.c",)
    if halves is not None:
        fields = [(f"lstm.{name}", value) for name, value in fields]
        ctype, function = "ws_lstm_dsp_params", "ws_lstm_left_dsp" if left else "ws_lstm_dsp"
        files = ("dsp_lstm.c", "dsp_dot_1x8.c")
    struct = struct_text(ctype, params, [*fields, *weights])
    hidden, cell = layer.states
    call = f"{function}(&{params}, {layer.inputs[0]}, {hidden}, {cell}, {layer.output});"
    macs = p.batches * p.steps * p.units * len(p.gates) * (p.depth + p.units)
    about = f"{p.steps} steps of {p.depth} values, {p.units} units"
    return LayerCode((*definitions, struct), (call,), files[0], macs, about, files[1:])


@emits(SvdfParams)
def _svdf(layer: Layer, p: SvdfParams) -> LayerCode:
    check_sum(layer, p.depth, 255 * 128)
    check_sum(layer, p.rank * p.memory, 255 * 128)
    feature_weights = _constant(layer, SVDF_FEATURE_WEIGHTS)
    time_weights = _constant(layer, SVDF_TIME_WEIGHTS)
    by_unit = time_weights.reshape(p.units, p.rank * p.memory)
    bias = _constant(layer, SVDF_BIAS) if p.has_bias else None
    definitions = []
    fields: list[tuple[str, object]] = []
    for ctype, role, values in (
        ("int8_t", "feature_weights", feature_weights),
        ("int8_t", "time_weights", time_weights),
        ("int32_t", "feature_bias", _folded(feature_weights, p.input_offset, None)),
        ("int32_t", "bias", _folded(by_unit, -p.state_offset, bias)),
    ):
        array, text = layer.pool.add(ctype, f"{layer.name}_{role}", values)
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
