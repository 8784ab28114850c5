"""C of the layers that the DSP kernels compute (`convert.fast`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convert.emit_filters import (
    called,
    check_window,
    dense_fields,
    macs_of,
    of_family,
    output_fields,
    plane_fields,
    window_fields,
    words_of,
)
from convert.emit_layer import Fields, Layer, LayerCode, emit_layer, struct_text
from convert.emit_narrow import emit_narrow
from convert.fast import AnyFast
from convert.fast_add import FastAdd
from convert.fast_codes import Packed
from convert.fast_types import Fast, FastColumns, Halves
from convert.narrow import Narrow
from convert.params import DepthwiseConvParams, FullyConnectedParams

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
        return of_family(emit_layer(layer, fast.params), "dsp")
    kernel, short, fields = _sizes(layer, fast)
    definitions: list[str] = []
    fields += _outputs(layer, fast, definitions)
    words = words_of(layer, fast.params)
    if isinstance(fast.weights, Packed):
        owner = "dense" if isinstance(fast.params, FullyConnectedParams) else "conv"
        fields = [(f"{owner}.{key}", value) for key, value in fields]
        fields += _packed(layer, fast.weights, definitions)
        variant, ctype, suffix = "_s4", f"ws_{short}_dsp4_params", "_s4"
        if fast.weights.tables is not None:
            variant = "_lut4"
        words += ", weights of 4 bits"
    else:
        variant, ctype, suffix = "", f"ws_{short}_dsp_params", ""
        fields += _weights(layer, fast.weights, definitions)
    struct, call = called(layer, ctype, f"ws_{kernel}_dsp{variant}", fields, scratch)
    return LayerCode(
        (*definitions, struct),
        (call,),
        f"dsp_{kernel}{suffix}.c",
        macs_of(fast.params),
        words,
        _ALSO[kernel, suffix],
    )


def _sizes(layer: Layer, fast: Fast) -> tuple[str, str, Fields]:
    """The kernel, what the type of its parameters is named after, and the first of them."""
    p = fast.params
    # Weights of 4 bits may be summed without end.
    chunk = fast.weights.chunk if isinstance(fast.weights, Halves) else 2 * fast.pairs
    if isinstance(p, FullyConnectedParams):
        return "fully_connected", "fully_connected", [*dense_fields(p), ("chunk", chunk)]
    check_window(layer, p)
    if isinstance(p, DepthwiseConvParams):
        if fast.plane is None:
            return "depthwise_taps", "depthwise_taps", window_fields(p)
        return "depthwise_conv2d", "depthwise", plane_fields(p, fast.plane)
    fields = [
        *window_fields(p),
        ("groups", p.groups),
        ("pairs", fast.pairs),
        ("scratch_step", fast.scratch_step),
        ("chunk", chunk // 2),
    ]
    return "conv2d" if p.groups == 1 else "conv2d_grouped", "conv2d", fields


def _packed(layer: Layer, weights: Packed, definitions: list[str]) -> Fields:
    """Fields of weights of 4 bits; what they point to is added to `definitions`."""
    codes, text = layer.pool.add("int8_t", f"{layer.name}_codes", weights.codes.view(np.int8))
    definitions.append(text)
    tables = codes
    if weights.tables is not None:
        tables, text = layer.pool.add("int8_t", f"{layer.name}_tables", weights.tables)
        definitions.append(text)
    return [("codes", codes), ("tables", tables), ("table_step", weights.table_step)]


def _weights(
    layer: Layer,
    weights: Halves | NDArray[np.int8] | NDArray[np.int16],
    definitions: list[str],
) -> Fields:
    """Fields of other weights; what they point to is added to `definitions`."""
    fields: Fields = []
    values = weights.words if isinstance(weights, Halves) else weights
    if isinstance(weights, Halves):
        name, text = layer.pool.add_structs("ws_too_low", f"{layer.name}_too_low", weights.too_low)
        definitions.append(text)
        fields.append(("too_low", name))
    ctype = "int16_t" if values.dtype == np.int16 else "int8_t"
    array, text = layer.pool.add(ctype, f"{layer.name}_weights", values)
    definitions.append(text)
    return [*fields, ("weights", array)]


def _outputs(layer: Layer, fast: Fast | FastAdd, definitions: list[str]) -> Fields:
    """Fields of a ws_dsp_outputs; what they point to is added to `definitions`."""
    p, outputs = fast.params, fast.outputs
    channels = np.stack([outputs.bias, outputs.multiplier, outputs.shift], axis=1)
    name, text = layer.pool.add_structs("ws_rescale", f"{layer.name}_channels", channels)
    definitions.append(text)
    return [
        *output_fields(p),
        ("outputs.usual", int(outputs.usual)),
        ("outputs.channels", name),
    ]


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
