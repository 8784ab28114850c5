"""C of the operators with weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.codebook import is_linear, rows
from convert.emit_filters import check_window, convolution_sizes, dense_fields, macs_of, words_of
from convert.emit_layer import (
    Fields,
    Layer,
    LayerCode,
    check_sum,
    counted,
    emits,
    struct_text,
)
from convert.graph import CODES
from convert.params import (
    ConvolutionParams,
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    TransposeConvParams,
)


def _scales(
    layer: Layer, multiplier: Sequence[int], shift: Sequence[int], definitions: list[str]
) -> Fields:
    """Bias, multipliers and shifts as arrays; the fields that point to them."""
    fields: Fields = []
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


def _call(
    layer: Layer, kernel: str, owner: str, fields: Fields, definitions: list[str]
) -> tuple[str, str]:
    """Weights and parameters of a kernel, as int8 or, where the weights have codes, in 4 bits.

    Args:
        layer: with weights.
        kernel: name of the operator in C, e.g. "conv2d".
        owner: field of the parameters with tables that holds those of the int8 kernel.
        fields: parameters of the int8 kernel, without the weights.
        definitions: what is defined here is appended.

    Returns:
        the call, and the file in firmware/kernels.
    """
    codes = layer.codes
    data = layer.weights if codes is None else rows(codes, layer.op.kind)
    assert data is not None
    weights, text = layer.pool.add("int8_t", f"{layer.name}_weights", data)
    definitions.append(text)
    fields = [*fields, ("weights", weights)]
    variant, ctype, file = "s8", f"ws_{kernel}_params", f"{kernel}.c"
    if codes is not None:
        variant, file = "s4", f"{kernel}_s4.c"
        if not is_linear(codes):
            variant, ctype = "lut4", f"ws_{kernel}_lut4_params"
            tables, text = layer.pool.add("int8_t", f"{layer.name}_tables", codes.tables)
            definitions.append(text)
            fields = [(f"{owner}.{key}", value) for key, value in fields]
            fields += [("tables", tables), ("table_step", CODES if len(codes.tables) > 1 else 0)]
    params = f"{layer.name}_params"
    definitions.append(struct_text(ctype, params, fields))
    return f"ws_{kernel}_{variant}(&{params}, {layer.inputs[0]}, {layer.output});", file


def _about_weights(layer: Layer) -> str:
    """For the comment: how the weights are kept, empty when as int8."""
    if layer.codes is None:
        return ""
    if is_linear(layer.codes):
        return ", weights of 4 bits"
    return f", weights of 4 bits with {counted(len(layer.codes.tables), 'table')}"


def _convolution(
    layer: Layer, p: ConvolutionParams, own: tuple[str, int], kernel: str
) -> LayerCode:
    """What CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV share."""
    check_window(layer, p)
    taps = p.filter_shape[1] * p.filter_shape[2]
    depth = 1 if isinstance(p, DepthwiseConvParams) else p.filter_shape[3]
    check_sum(layer, taps * depth, 255 * 128)
    definitions: list[str] = []
    fields: Fields = [
        *convolution_sizes(p),
        own,
        ("input_offset", p.input_offset),
        ("output_offset", p.output_offset),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        *_scales(layer, p.multiplier, p.shift, definitions),
    ]
    call, file = _call(layer, kernel, "conv", fields, definitions)
    words = words_of(layer, p) + _about_weights(layer)
    return LayerCode(tuple(definitions), (call,), file, macs_of(p), words)


@emits(ConvParams)
def _conv(layer: Layer, p: ConvParams) -> LayerCode:
    return _convolution(layer, p, ("groups", p.groups), "conv2d")


@emits(TransposeConvParams)
def _transposed(layer: Layer, p: TransposeConvParams) -> LayerCode:
    return _convolution(layer, p, ("groups", 1), "transpose_conv")


@emits(DepthwiseConvParams)
def _depthwise(layer: Layer, p: DepthwiseConvParams) -> LayerCode:
    return _convolution(layer, p, ("depth_multiplier", p.depth_multiplier), "depthwise_conv2d")


@emits(FullyConnectedParams)
def _fully_connected(layer: Layer, p: FullyConnectedParams) -> LayerCode:
    check_sum(layer, p.depth, 255 * (255 if p.filter_offset else 128))
    count = p.units if p.per_channel else 1
    definitions: list[str] = []
    fields: Fields = [
        *dense_fields(p),
        ("scale_step", 1 if p.per_channel else 0),
        ("weight_offset", p.filter_offset),
        ("input_offset", p.input_offset),
        ("output_offset", p.output_offset),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
        *_scales(layer, p.multiplier[:count], p.shift[:count], definitions),
    ]
    call, file = _call(layer, "fully_connected", "dense", fields, definitions)
    words = words_of(layer, p) + _about_weights(layer)
    return LayerCode(tuple(definitions), (call,), file, macs_of(p), words)
