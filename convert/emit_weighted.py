"""C of the operators with weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from convert.emit_layer import Layer, LayerCode, by, check_steps, check_sum, emits, struct_text
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams


def _scales(
    layer: Layer, multiplier: Sequence[int], shift: Sequence[int], definitions: list[str]
) -> list[tuple[str, object]]:
    """Bias, multipliers and shifts as arrays; the fields that point to them."""
    fields: list[tuple[str, object]] = []
    arrays: list[tuple[str, str, Any]] = [
        ("bias", "int32_t", layer.bias),
        ("multiplier", "int32_t", multiplier),
        ("shift", "int8_t", shift),
    ]
    for key, ctype, values in arrays:
        name = "NULL"
        if values is not None:
            name, text = layer.pool.add(ctype, f"{layer.name}_{key}", values)
            definitions.append(text)
        fields.append((key, name))
    return fields


def _convolution(
    layer: Layer, p: ConvParams | DepthwiseConvParams, own: tuple[str, int], kind: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Definitions and body that CONV_2D and DEPTHWISE_CONV_2D share."""
    assert layer.weights is not None
    check_steps(layer, p.stride, p.dilation, p.padding, (p.filter_shape[1], p.filter_shape[2]))
    taps = p.filter_shape[1] * p.filter_shape[2]
    depth = p.filter_shape[3] if isinstance(p, ConvParams) else 1
    check_sum(layer, taps * depth, 255 * 128)
    weights, text = layer.pool.add("int8_t", f"{layer.name}_weights", layer.weights)
    definitions = [text]
    pointers = _scales(layer, p.multiplier, p.shift, definitions)
    fields: list[tuple[str, object]] = [
        ("batches", p.input_shape[0]),
        ("input", p.input_shape[1:]),
        ("output", p.output_shape[1:]),
        ("filter", p.filter_shape[1:3]),
        ("stride", p.stride),
        ("dilation", p.dilation),
        ("padding", p.padding),
        own,
        ("input_offset", p.input_offset),
        ("output_offset", p.output_offset),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        ("weights", weights),
        *pointers,
    ]
    params = f"{layer.name}_params"
    definitions.append(struct_text(f"ws_{kind}_params", params, fields))
    call = f"ws_{kind}_s8(&{params}, {layer.inputs[0]}, {layer.output});"
    return tuple(definitions), (call,)


def _about_convolution(p: ConvParams | DepthwiseConvParams) -> str:
    text = f"filter {by(p.filter_shape[1:3])}, stride {by(p.stride)}"
    if p.dilation != (1, 1):
        text += f", dilation {by(p.dilation)}"
    return f"{text}, padding {p.padding[0]} above and {p.padding[1]} left"


@emits(ConvParams)
def _conv(layer: Layer, p: ConvParams) -> LayerCode:
    definitions, body = _convolution(layer, p, ("groups", p.groups), "conv2d")
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:])
    return LayerCode(definitions, body, "conv2d.c", macs, _about_convolution(p))


@emits(DepthwiseConvParams)
def _depthwise(layer: Layer, p: DepthwiseConvParams) -> LayerCode:
    own = ("depth_multiplier", p.depth_multiplier)
    definitions, body = _convolution(layer, p, own, "depthwise_conv2d")
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:3])
    return LayerCode(definitions, body, "depthwise_conv2d.c", macs, _about_convolution(p))


@emits(FullyConnectedParams)
def _fully_connected(layer: Layer, p: FullyConnectedParams) -> LayerCode:
    assert layer.weights is not None
    check_sum(layer, p.depth, 255 * (255 if p.filter_offset else 128))
    weights, text = layer.pool.add("int8_t", f"{layer.name}_weights", layer.weights)
    definitions = [text]
    count = p.units if p.per_channel else 1
    pointers = _scales(layer, p.multiplier[:count], p.shift[:count], definitions)
    fields: list[tuple[str, object]] = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("units", p.units),
        ("scale_step", 1 if p.per_channel else 0),
        ("input_offset", p.input_offset),
        ("weight_offset", p.filter_offset),
        ("output_offset", p.output_offset),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        ("weights", weights),
        *pointers,
    ]
    params = f"{layer.name}_params"
    definitions.append(struct_text("ws_fully_connected_params", params, fields))
    call = f"ws_fully_connected_s8(&{params}, {layer.inputs[0]}, {layer.output});"
    macs = p.rows * p.depth * p.units
    about = f"{p.depth} values to {p.units} units"
    return LayerCode(tuple(definitions), (call,), "fully_connected.c", macs, about)
