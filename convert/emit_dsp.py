"""C of the layers that the DSP kernels compute (`convert.fast`)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from convert.emit_layer import Layer, LayerCode, emit_layer, struct_text
from convert.emit_narrow import emit_narrow
from convert.emit_windows import (
    Fields,
    check_window,
    plane_fields,
    window_fields,
    window_macs,
    window_text,
)
from convert.fast import AnyFast
from convert.fast_add import FastAdd
from convert.fast_codes import Packed
from convert.fast_types import Fast, FastColumns, Halves
from convert.narrow import Narrow
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams

# What a kernel needs beside its own file.
_TILES = ("dsp_tiles.c", "dsp_widen.c", "dsp_dot_4x2.c", "dsp_outputs.c")
_PLANES = ("dsp_lines_3x3.c", "dsp_four_outputs.c", "dsp_outputs.c")
_ALSO = {
    ("conv2d", ""): _TILES,
    ("conv2d_grouped", ""): ("each_group.c", "dsp_conv2d.c", *_TILES),
    ("conv2d", "_s4"): ("dsp_tiles.c", "dsp_widen.c", "dsp_dot_4bit.c", "dsp_outputs.c"),
    ("depthwise_conv2d", ""): _PLANES,
    ("depthwise_conv2d", "_s4"): ("dsp_depthwise_conv2d.c", *_PLANES),
    ("depthwise_taps", ""): ("dsp_quads.c", "dsp_outputs.c"),
    ("fully_connected", ""): ("dsp_dot_1x8.c", "dsp_outputs.c"),
    ("fully_connected", "_s4"): ("dsp_outputs.c",),
}


def emit_fast(layer: Layer, fast: AnyFast | Narrow, scratch: str | None) -> LayerCode:
    """The C of one layer with its weights in the order of the DSP kernels.

    Args:
        layer: the operator; its weights and bias are not looked at.
        fast: what `convert.fast.fast_layer` made of it.
        scratch: C expression of type `int8_t *`, aligned to words; None where none is needed.

    Raises:
        UnsupportedModelError: a size would overflow the kernel's integers.
    """
    if isinstance(fast, FastAdd):
        return _add(layer, fast)
    if isinstance(fast, Narrow):
        return emit_narrow(layer, fast, "dsp", emit_fast, scratch)
    if isinstance(fast, FastColumns):
        return _columns(layer, fast)
    more = "" if scratch is None else f", {scratch}"
    if isinstance(fast.params, ConvParams):
        return _conv(layer, fast, fast.params, more)
    if isinstance(fast.params, DepthwiseConvParams):
        return _depthwise(layer, fast, fast.params, more)
    return _fully_connected(layer, fast, fast.params, more)


def _code(
    layer: Layer, fast: Fast, kernel: str, fields: Fields, scratch: str, macs: int, about: str
) -> LayerCode:
    definitions: list[str] = []
    fields += _outputs(layer, fast, definitions)
    short = {"depthwise_conv2d": "depthwise", "conv2d_grouped": "conv2d"}.get(kernel, kernel)
    params, owner = f"{layer.name}_params", "dense" if kernel == "fully_connected" else "conv"
    if isinstance(fast.weights, Packed):
        variant, ctype, suffix = "_s4", f"ws_{short}_dsp4_params", "_s4"
        fields = [(f"{owner}.{key}", value) for key, value in fields]
        codes, text = layer.pool.add(
            "int8_t", f"{layer.name}_codes", fast.weights.codes.view(np.int8)
        )
        definitions.append(text)
        tables = codes
        if fast.weights.tables is not None:
            variant = "_lut4"
            tables, text = layer.pool.add("int8_t", f"{layer.name}_tables", fast.weights.tables)
            definitions.append(text)
        fields += [
            ("codes", codes),
            ("tables", tables),
            ("table_step", fast.weights.table_step),
        ]
        about += ", weights of 4 bits"
    else:
        variant, ctype, suffix = "", f"ws_{short}_dsp_params", ""
        values = fast.weights
        if isinstance(values, Halves):
            name, text = layer.pool.add_structs(
                "ws_too_low", f"{layer.name}_too_low", values.too_low
            )
            definitions.append(text)
            fields.append(("too_low", name))
            values = values.words
        kind = "int16_t" if values.dtype == np.int16 else "int8_t"
        weights, text = layer.pool.add(kind, f"{layer.name}_weights", values)
        definitions.append(text)
        fields.append(("weights", weights))
    definitions.append(struct_text(ctype, params, fields))
    call = f"ws_{kernel}_dsp{variant}(&{params}, {layer.inputs[0]}, {layer.output}{scratch});"
    return LayerCode(
        tuple(definitions), (call,), f"dsp_{kernel}{suffix}.c", macs, about, _ALSO[kernel, suffix]
    )


def _outputs(layer: Layer, fast: Fast | FastAdd, definitions: list[str]) -> Fields:
    """Fields of a ws_dsp_outputs; what they point to is added to `definitions`."""
    p, outputs = fast.params, fast.outputs
    channels = np.stack([outputs.bias, outputs.multiplier, outputs.shift], axis=1)
    name, text = layer.pool.add_structs("ws_rescale", f"{layer.name}_channels", channels)
    definitions.append(text)
    return [
        ("outputs.output_offset", p.output_offset),
        ("outputs.activation_min", p.activation_min),
        ("outputs.activation_max", p.activation_max),
        ("outputs.usual", int(outputs.usual)),
        ("outputs.channels", name),
    ]


def _columns(layer: Layer, fast: FastColumns) -> LayerCode:
    """The C for the plain kernel, which calls another function."""
    code = emit_layer(layer, fast.params)
    body = tuple(line.replace("_s8(", "_dsp(", 1) for line in code.body)
    return replace(code, body=body, kernel=f"dsp_{code.kernel}")


def _add(layer: Layer, fast: FastAdd) -> LayerCode:
    definitions: list[str] = []
    params = f"{layer.name}_params"
    fields: Fields = [
        ("count", math.prod(fast.params.output_shape)),
        ("first", fast.first),
        ("multiplier", fast.multiplier),
        ("shift", fast.shift),
        *_outputs(layer, fast, definitions),
    ]
    definitions.append(struct_text("ws_add_dsp_params", params, fields))
    scaled, halved = layer.inputs[fast.scaled], layer.inputs[1 - fast.scaled]
    call = f"ws_add_dsp(&{params}, {scaled}, {halved}, {layer.output});"
    return LayerCode(tuple(definitions), (call,), "dsp_add.c", also=("dsp_outputs.c",))


def _chunk(fast: Fast) -> int:
    """Values that are summed at a time; weights of 4 bits know no limit."""
    return fast.weights.chunk if isinstance(fast.weights, Halves) else 2 * fast.pairs


def _conv(layer: Layer, fast: Fast, p: ConvParams, scratch: str) -> LayerCode:
    check_window(layer, p)
    fields: Fields = [
        *window_fields(p),
        ("groups", p.groups),
        ("pairs", fast.pairs),
        ("scratch_step", fast.scratch_step),
        ("chunk", _chunk(fast) // 2),
    ]
    kernel = "conv2d" if p.groups == 1 else "conv2d_grouped"
    return _code(layer, fast, kernel, fields, scratch, window_macs(p), window_text(p))


def _depthwise(layer: Layer, fast: Fast, p: DepthwiseConvParams, scratch: str) -> LayerCode:
    check_window(layer, p)
    if fast.plane is None:
        return _code(
            layer, fast, "depthwise_taps", window_fields(p), scratch, window_macs(p), window_text(p)
        )

    fields = plane_fields(p, fast.plane)
    return _code(layer, fast, "depthwise_conv2d", fields, scratch, window_macs(p), window_text(p))


def _fully_connected(layer: Layer, fast: Fast, p: FullyConnectedParams, scratch: str) -> LayerCode:
    fields: Fields = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("units", p.units),
        ("chunk", _chunk(fast)),
    ]
    macs = p.rows * p.depth * p.units
    about = f"{p.depth} values to {p.units} units"
    return _code(layer, fast, "fully_connected", fields, scratch, macs, about)
