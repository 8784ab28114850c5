"""C of the layers that the kernels for cores with MULS only compute (`convert.muls`)."""

from __future__ import annotations

from convert.emit_dsp import emit_fast
from convert.emit_layer import Layer, LayerCode, struct_text
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
from convert.muls import Muls
from convert.narrow import Narrow
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams


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
        return emit_narrow(layer, muls, "muls", emit_muls, scratch)
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
    names: tuple[str, str],
    files: tuple[str, ...],
    fields: Fields,
    scratch: str,
    macs: int,
    about: str,
) -> LayerCode:
    """Args: names: of the kernel and of its parameters; files: of the kernel."""
    kernel, short = names
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
    return LayerCode(tuple(definitions), (call,), files[0], macs, about, files[1:])


def _conv(layer: Layer, muls: Muls, p: ConvParams, scratch: str) -> LayerCode:
    check_window(layer, p)
    fields: Fields = [
        *window_fields(p),
        ("groups", p.groups),
        ("pairs", muls.pairs),
        ("scratch_step", muls.scratch_step),
    ]
    names = ("conv2d_2" if muls.positions == 2 else "conv2d", "conv2d")
    files: tuple[str, ...] = ("muls_conv2d.c", "muls_tile.c", "muls_widen.c")
    if p.groups != 1:
        names = ("conv2d_grouped", "conv2d")
        files = ("muls_conv2d_grouped.c", "each_group.c", *files[1:])
    return _code(layer, muls, names, files, fields, scratch, window_macs(p), window_text(p))


def _depthwise(layer: Layer, muls: Muls, p: DepthwiseConvParams, scratch: str) -> LayerCode:
    check_window(layer, p)
    assert muls.plane is not None
    turned = muls.plane.turned
    fields = [*plane_fields(p, muls.plane), ("dilation", p.dilation[:: -1 if turned else 1])]
    names = ("depthwise_conv2d", "depthwise")
    files = ("muls_depthwise_conv2d.c", "muls_plane.c")
    return _code(layer, muls, names, files, fields, scratch, window_macs(p), window_text(p))


def _fully_connected(layer: Layer, muls: Muls, p: FullyConnectedParams, scratch: str) -> LayerCode:
    fields: Fields = [
        ("rows", p.rows),
        ("depth", p.depth),
        ("units", p.units),
        ("groups", muls.groups),
    ]
    macs = p.rows * p.depth * p.units
    names = ("fully_connected", "fully_connected")
    files = ("muls_fully_connected.c", "muls_dense.c")
    about = f"{p.depth} values to {p.units} units"
    return _code(layer, muls, names, files, fields, scratch, macs, about)
