"""C of the layers that the kernels for Helium compute (`convert.fast_mve`)."""

from __future__ import annotations

import math
from dataclasses import replace

from convert.emit_dsp import emit_fast
from convert.emit_layer import Layer, LayerCode, check_steps, emit_layer, struct_text
from convert.emit_weighted import about_convolution, convolution_sizes
from convert.fast import AnyFast
from convert.fast_add import FastAdd
from convert.fast_mve import VECTOR, Mve, Same
from convert.fast_types import Fast, FastColumns
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams

Fields = list[tuple[str, object]]

_ALSO = {
    "conv2d": ("mve_tile.c",),
    "conv2d_grouped": ("each_group.c", "mve_conv2d.c", "mve_tile.c"),
    "depthwise_4x4": ("mve_lines.c",),
}


def emit_mve(layer: Layer, found: Mve | AnyFast | Same, scratch: str | None) -> LayerCode:
    """The C of one layer with its constants in the order of its kernel.

    Args:
        layer: the operator; its weights and bias are not looked at.
        found: what `convert.fast_mve.mve_layers` has for it.
        scratch: C expression of type `int8_t *`, aligned to words; None where none is needed.

    Raises:
        UnsupportedModelError: a size would overflow the kernel's integers.
    """
    if isinstance(found, Fast | FastAdd | FastColumns):
        return emit_fast(layer, found, scratch)
    if isinstance(found, Same):
        return _same(layer, found)
    more = "" if scratch is None else f", {scratch}"
    if isinstance(found.params, ConvParams):
        return _conv(layer, found, found.params, more)
    if isinstance(found.params, DepthwiseConvParams):
        return _depthwise(layer, found, found.params, more)
    return _fully_connected(layer, found, found.params, more)


def _same(layer: Layer, found: Same) -> LayerCode:
    """The C for the plain kernel, which calls another function."""
    code = emit_layer(layer, found.params)
    body = tuple(line.replace("_s8(", "_mve(", 1) for line in code.body)
    return replace(code, body=body, kernel=f"mve_{code.kernel}")


def _code(
    layer: Layer,
    found: Mve,
    names: tuple[str, str],
    fields: Fields,
    scratch: str,
    macs: int,
    about: str,
) -> LayerCode:
    """`names`: of the kernel and of its parameters in C."""
    p = found.params
    kernel, short = names
    weights, weights_text = layer.pool.add("int8_t", f"{layer.name}_weights", found.weights)
    field = {"conv2d": "channels", "fully_connected": "blocks"}.get(short, "constants")
    if short == "conv2d":
        constants, constants_text = layer.pool.add_structs(
            "ws_mve_channel", f"{layer.name}_channels", found.constants
        )
    else:
        constants, constants_text = layer.pool.add(
            "int32_t", f"{layer.name}_{field}", found.constants
        )
    fields += [
        ("outputs.output_offset", p.output_offset),
        ("outputs.activation_min", p.activation_min),
        ("outputs.activation_max", p.activation_max),
        ("outputs.any_shift", int(max(p.shift) >= 0)),
        (field, constants),
        ("weights", weights),
    ]
    params = f"{layer.name}_params"
    struct = struct_text(f"ws_{short}_mve_params", params, fields)
    call = f"ws_{kernel}_mve(&{params}, {layer.inputs[0]}, {layer.output}{scratch});"
    also = _ALSO.get(kernel, ())
    definitions = (weights_text, constants_text, struct)
    return LayerCode(definitions, (call,), f"mve_{kernel}.c", macs, about, also)


def _conv(layer: Layer, found: Mve, p: ConvParams, scratch: str) -> LayerCode:
    check_steps(layer, p.stride, p.dilation, p.padding, (p.filter_shape[1], p.filter_shape[2]))
    fields: Fields = [
        *convolution_sizes(p),
        ("input_zero", -p.input_offset),
        ("groups", p.groups),
        ("chunks", found.weights.shape[1]),
        ("windows", found.windows),
    ]
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:])
    names = ("conv2d" if p.groups == 1 else "conv2d_grouped", "conv2d")
    return _code(layer, found, names, fields, scratch, macs, about_convolution(p))


def _depthwise(layer: Layer, found: Mve, p: DepthwiseConvParams, scratch: str) -> LayerCode:
    check_steps(layer, p.stride, p.padding, (p.filter_shape[1], p.filter_shape[2]))
    channels, ring = p.input_shape[3], found.ring
    assert ring is not None

    def sides(pair: tuple[int, ...]) -> tuple[int, ...]:
        return (pair[1], pair[0]) if ring is not None and ring.turned else pair

    fields: Fields = [
        ("batches", p.input_shape[0]),
        ("channels", channels),
        ("input", sides(p.input_shape[1:3])),
        ("output", sides(p.output_shape[1:3])),
        ("input_step", sides((p.input_shape[2] * channels, channels))),
        ("output_step", sides((p.output_shape[2] * channels, channels))),
        ("filter", sides(p.filter_shape[1:3])),
        ("stride", sides(p.stride)),
        ("padding", sides(p.padding)),
        ("columns", ring.columns),
        ("group", ring.group),
        ("input_zero", -p.input_offset),
    ]
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:3])
    names = ("depthwise_4x4" if ring.small else "depthwise_conv2d", "depthwise")
    return _code(layer, found, names, fields, scratch, macs, about_convolution(p))


def _fully_connected(layer: Layer, found: Mve, p: FullyConnectedParams, scratch: str) -> LayerCode:
    fields: Fields = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("units", p.units),
        ("chunks", -(-p.depth // VECTOR)),
    ]
    macs = p.rows * p.depth * p.units
    about = f"{p.depth} values to {p.units} units"
    names = ("fully_connected", "fully_connected")
    return _code(layer, found, names, fields, scratch, macs, about)
