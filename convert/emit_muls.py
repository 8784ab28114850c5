"""C of the layers that the kernels for cores with MULS only compute (`convert.muls`)."""

from __future__ import annotations

import math

from convert.emit_dsp import emit_fast
from convert.emit_layer import Layer, LayerCode, by, check_steps, struct_text
from convert.fast import AnyFast
from convert.muls import Muls
from convert.narrow import Narrow, emit_narrow
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams

Fields = list[tuple[str, object]]


def emit_muls(layer: Layer, muls: Muls | AnyFast | Narrow, scratch: str | None) -> LayerCode:
    """The C of one layer with its weights in the order of these kernels.

    Args:
        layer: the operator; its weights and bias are not looked at.
        muls: what `convert.muls.muls_layers` made of it.
        scratch: C expression of type `int8_t *`, aligned to words; None where none is needed.

    Raises:
        UnsupportedModelError: a size would overflow the kernel's integers.
    """
    if isinstance(muls, Narrow):
        return emit_narrow(layer, muls, "muls", emit_muls, str(scratch))
    if not isinstance(muls, Muls):
        return emit_fast(layer, muls, scratch)
    more = "" if scratch is None else f", {scratch}"
    if isinstance(muls.params, ConvParams):
        return _conv(layer, muls, muls.params, more)
    if isinstance(muls.params, DepthwiseConvParams):
        return _depthwise(layer, muls, muls.params, more)
    return _fully_connected(layer, muls, muls.params, more)


def _code(
    layer: Layer,
    muls: Muls,
    names: tuple[str, str, str],
    fields: Fields,
    scratch: str,
    macs: int,
    about: str,
) -> LayerCode:
    """Args: names: of the kernel, of its parameters, of the file with its inner loop."""
    kernel, short, inner = names
    definitions: list[str] = []
    p = muls.params
    fields += [
        ("outputs.output_offset", p.output_offset),
        ("outputs.activation_min", p.activation_min),
        ("outputs.activation_max", p.activation_max),
    ]
    name, text = layer.pool.add_structs("ws_muls_channel", f"{layer.name}_channels", muls.channels)
    definitions.append(text)
    fields.append(("outputs.channels", name))
    for key, values in (("weights", muls.weights), ("rest", muls.rest)):
        if values is not None:
            array = "NULL"
            if values.size:
                array, text = layer.pool.add("int8_t", f"{layer.name}_{key}", values)
                definitions.append(text)
            fields.append((key, array))
    params = f"{layer.name}_params"
    definitions.append(struct_text(f"ws_{short}_muls_params", params, fields))
    call = f"ws_{kernel}_muls(&{params}, {layer.inputs[0]}, {layer.output}{scratch});"
    return LayerCode(tuple(definitions), (call,), f"muls_{kernel}.c", macs, about, (inner,))


def _about(p: ConvParams | DepthwiseConvParams) -> str:
    return (
        f"filter {by(p.filter_shape[1:3])}, stride {by(p.stride)}, padding {p.padding[0]} above "
        f"and {p.padding[1]} left"
    )


def _conv(layer: Layer, muls: Muls, p: ConvParams, scratch: str) -> LayerCode:
    check_steps(layer, p.stride, p.padding, p.dilation, (p.filter_shape[1], p.filter_shape[2]))
    fields: Fields = [
        ("batches", p.input_shape[0]),
        ("input", p.input_shape[1:]),
        ("output", p.output_shape[1:]),
        ("filter", p.filter_shape[1:3]),
        ("stride", p.stride),
        ("dilation", p.dilation),
        ("padding", p.padding),
        ("input_zero", -p.input_offset),
        ("pairs", muls.pairs),
        ("scratch_step", muls.scratch_step),
    ]
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:])
    names = ("conv2d", "conv2d", "muls_tile.c")
    return _code(layer, muls, names, fields, scratch, macs, _about(p))


def _depthwise(layer: Layer, muls: Muls, p: DepthwiseConvParams, scratch: str) -> LayerCode:
    check_steps(layer, p.stride, p.padding, (p.filter_shape[1], p.filter_shape[2]))
    plane = muls.plane
    assert plane is not None
    channels = p.input_shape[3]

    def sides(pair: tuple[int, ...]) -> tuple[int, ...]:
        return (pair[1], pair[0]) if plane.turned else pair

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
        ("plane", plane.sides),
        ("input_zero", -p.input_offset),
    ]
    macs = math.prod(p.output_shape) * math.prod(p.filter_shape[1:3])
    names = ("depthwise_conv2d", "depthwise", "muls_plane.c")
    return _code(layer, muls, names, fields, scratch, macs, _about(p))


def _fully_connected(layer: Layer, muls: Muls, p: FullyConnectedParams, scratch: str) -> LayerCode:
    fields: Fields = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("units", p.units),
        ("groups", muls.groups),
    ]
    macs = p.rows * p.depth * p.units
    names = ("fully_connected", "fully_connected", "muls_dense.c")
    about = f"{p.depth} values to {p.units} units"
    return _code(layer, muls, names, fields, scratch, macs, about)
