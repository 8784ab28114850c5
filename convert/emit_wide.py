"""C of the operators that are others on int16 values than on int8 ones; see also `emit_plain`.

What only moves bytes uses the int8 kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convert.emit_filters import check_window, convolution_sizes, dense_fields, macs_of, words_of
from convert.emit_layer import (
    Fields,
    Layer,
    LayerCode,
    counted,
    emit_layer,
    emits,
    refuse,
    struct_text,
)
from convert.fixedpoint_wide import exp_table, reciprocal_table, reduced_multiplier
from convert.gate_tables import SIGMOID_TABLE
from convert.params import (
    ConcatenationParams,
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    PadParams,
    Params,
    RescaleParams,
    ReshapeParams,
    WideLeakyReluParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)


def _array(layer: Layer, ctype: str, key: str, values: Any, definitions: list[str]) -> str:
    """Name of a constant array, defined where it is new; NULL for None."""
    if values is None:
        return "NULL"
    name, text = layer.pool.add(ctype, f"{layer.name}_{key}", values)
    definitions.append(text)
    return name


def _constants(
    layer: Layer, multiplier: Sequence[int], shift: Sequence[int], definitions: list[str]
) -> Fields:
    """Weights, bias, multipliers of 15 bits and shifts to the right."""
    right = [15 - s for s in shift]
    arrays = [
        ("weights", "int8_t", layer.weights),
        ("bias", "int64_t", layer.bias),
        ("multiplier", "int16_t", reduced_multiplier(multiplier)),
        ("right", "int8_t", right),
    ]
    return [(key, _array(layer, ctype, key, values, definitions)) for key, ctype, values in arrays]


def _made(
    layer: Layer, kernel: str, fields: Fields, definitions: Sequence[str], about: str, macs: int = 0
) -> LayerCode:
    """A layer that calls `ws_<kernel>_s16` of the file `<kernel>_s16.c` with `fields`."""
    params = f"{layer.name}_params"
    struct = struct_text(f"ws_{kernel}_s16_params", params, fields)
    call = f"ws_{kernel}_s16(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((*definitions, struct), (call,), f"{kernel}_s16.c", macs, about)


def _convolution(
    layer: Layer, p: ConvParams | DepthwiseConvParams, own: tuple[str, int], kernel: str
) -> LayerCode:
    """What CONV_2D and DEPTHWISE_CONV_2D share."""
    check_window(layer, p)
    definitions: list[str] = []
    constants = _constants(layer, p.multiplier, p.shift, definitions)
    fields: Fields = [
        *convolution_sizes(p),
        own,
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        *constants,
    ]
    words = f"{words_of(layer, p)}, 64-bit sums"
    return _made(layer, kernel, fields, definitions, words, macs_of(p))


@emits(ConvParams, wide=True)
def _conv(layer: Layer, p: ConvParams) -> LayerCode:
    return _convolution(layer, p, ("groups", p.groups), "conv2d")


@emits(DepthwiseConvParams, wide=True)
def _depthwise(layer: Layer, p: DepthwiseConvParams) -> LayerCode:
    return _convolution(layer, p, ("depth_multiplier", p.depth_multiplier), "depthwise_conv2d")


@emits(FullyConnectedParams, wide=True)
def _fully_connected(layer: Layer, p: FullyConnectedParams) -> LayerCode:
    if p.filter_offset:
        refuse(layer, "have weights with zero point 0", -p.filter_offset)
    count = p.units if p.per_channel else 1
    definitions: list[str] = []
    constants = _constants(layer, p.multiplier[:count], p.shift[:count], definitions)
    fields: Fields = [
        *dense_fields(p),
        ("scale_step", 1 if p.per_channel else 0),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        *constants,
    ]
    words = f"{words_of(layer, p)}, 64-bit sums"
    return _made(layer, "fully_connected", fields, definitions, words, macs_of(p))


@emits(WideSoftmaxParams, wide=True)
def _softmax(layer: Layer, p: WideSoftmaxParams) -> LayerCode:
    definitions: list[str] = []
    fields: Fields = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("multiplier", p.multiplier),
        ("shift", p.shift),
        ("exp_table", _array(layer, "int16_t", "exp", exp_table(), definitions)),
        (
            "reciprocal_table",
            _array(layer, "int16_t", "reciprocal", reciprocal_table(), definitions),
        ),
    ]
    return _made(layer, "softmax", fields, definitions, f"{counted(p.rows, 'row')} of {p.depth}")


@emits(WideSigmoidParams, wide=True)
def _sigmoid(layer: Layer, p: WideSigmoidParams) -> LayerCode:
    definitions: list[str] = []
    table = _array(layer, "uint16_t", "sigmoid", SIGMOID_TABLE, definitions)
    params = f"{layer.name}_params"
    fields: Fields = [
        ("size", p.size),
        ("multiplier", p.multiplier),
        ("shift", p.shift),
        ("sigmoid_table", table),
    ]
    struct = struct_text("ws_sigmoid_s16_params", params, fields)
    function = "ws_tanh_s16" if p.hyperbolic else "ws_logistic_s16"
    call = f"{function}(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((*definitions, struct), (call,), "sigmoid_s16.c")


@emits(WideLeakyReluParams, wide=True)
def _leaky_relu(layer: Layer, p: WideLeakyReluParams) -> LayerCode:
    fields: Fields = [
        ("size", p.size),
        ("identity_multiplier", p.identity_multiplier),
        ("identity_shift", p.identity_shift),
        ("sign", p.sign),
        ("multiplier", p.multiplier),
        ("shift", p.shift),
    ]
    return _made(layer, "leaky_relu", fields, (), "")


@emits(RescaleParams, wide=True)
def _rescale(layer: Layer, p: RescaleParams) -> LayerCode:
    source, output = (t.replace("int", "s") for t in p.types)
    params = f"{layer.name}_params"
    fields: Fields = [
        ("size", p.size),
        ("input_offset", p.input_offset),
        ("multiplier", p.multiplier),
        ("shift", p.shift),
        ("output_offset", p.output_offset),
        ("low", p.low),
        ("high", p.high),
    ]
    struct = struct_text("ws_rescale_params", params, fields)
    call = f"ws_rescale_{source}_{output}(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((struct,), (call,), "rescale.c", about=f"{source} to {output}")


def _as_bytes(layer: Layer, params: Params) -> LayerCode:
    """The int8 code of an operator that only moves values, over pairs of bytes."""
    inputs = tuple(f"(const int8_t *){source}" for source in layer.inputs)
    output = f"(int8_t *){layer.output}"
    return emit_layer(replace(layer, inputs=inputs, output=output, wide=False), params)


@emits(PadParams, wide=True)
def _pad(layer: Layer, p: PadParams) -> LayerCode:
    if p.value != 0:  # a value of two different bytes
        refuse(layer, "pad with 0", p.value)
    in_bytes = replace(
        p,
        input_shape=(*p.input_shape, 2),
        output_shape=(*p.output_shape, 2),
        before=(*p.before, 0),
        after=(*p.after, 0),
    )
    return _as_bytes(layer, in_bytes)


@emits(ConcatenationParams, wide=True)
def _concatenation(layer: Layer, p: ConcatenationParams) -> LayerCode:
    return _as_bytes(layer, replace(p, runs=tuple(2 * run for run in p.runs)))


@emits(ReshapeParams, wide=True)
def _reshape(layer: Layer, p: ReshapeParams) -> LayerCode:
    return _as_bytes(layer, p)
