"""C of the layers that the kernels for cores with MULS only compute (`convert.muls`)."""

from __future__ import annotations

from convert.emit_dsp import emit_fast
from convert.emit_filters import (
    called,
    check_window,
    dense_fields,
    macs_of,
    output_fields,
    plane_fields,
    window_fields,
    words_of,
)
from convert.emit_layer import Fields, Layer, LayerCode
from convert.emit_narrow import emit_narrow
from convert.fast import AnyFast
from convert.muls import Muls
from convert.narrow import Narrow
from convert.params import DepthwiseConvParams, FullyConnectedParams

_TILES = ("muls_tile.c", "muls_widen.c")
_STRUCTS = {
    "conv2d": "ws_conv2d_muls_params",
    "conv2d_2": "ws_conv2d_muls_params",
    "conv2d_grouped": "ws_conv2d_muls_params",
    "depthwise_conv2d": "ws_depthwise_muls_params",
    "fully_connected": "ws_fully_connected_muls_params",
}


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
    kernel, files, fields = _sizes(layer, muls)
    definitions: list[str] = []
    name, text = layer.pool.add_structs("ws_muls_channel", f"{layer.name}_channels", muls.channels)
    definitions.append(text)
    fields += [*output_fields(muls.params), ("outputs.channels", name)]
    for key, values in (("weights", muls.weights), ("rest", muls.rest)):
        if values is not None:
            array = "NULL"
            if values.size:
                array, text = layer.pool.add("int8_t", f"{layer.name}_{key}", values)
                definitions.append(text)
            fields.append((key, array))
    struct, call = called(layer, _STRUCTS[kernel], f"ws_{kernel}_muls", fields, scratch)
    return LayerCode(
        (*definitions, struct),
        (call,),
        files[0],
        macs_of(muls.params),
        words_of(layer, muls.params),
        files[1:],
    )


def _sizes(layer: Layer, muls: Muls) -> tuple[str, tuple[str, ...], Fields]:
    """The kernel, the files that it needs, and the first of its parameters."""
    if isinstance(muls.params, FullyConnectedParams):
        files = ("muls_fully_connected.c", "muls_dense.c")
        return "fully_connected", files, [*dense_fields(muls.params), ("groups", muls.groups)]
    check_window(layer, muls.params)
    if isinstance(muls.params, DepthwiseConvParams):
        assert muls.plane is not None
        dilation = muls.params.dilation[:: -1 if muls.plane.turned else 1]
        fields = [*plane_fields(muls.params, muls.plane), ("dilation", dilation)]
        return "depthwise_conv2d", ("muls_depthwise_conv2d.c", "muls_plane.c"), fields
    fields = [
        *window_fields(muls.params),
        ("groups", muls.params.groups),
        ("pairs", muls.pairs),
        ("scratch_step", muls.scratch_step),
    ]
    if muls.params.groups != 1:
        return "conv2d_grouped", ("muls_conv2d_grouped.c", "each_group.c", *_TILES), fields
    return ("conv2d_2" if muls.positions == 2 else "conv2d"), ("muls_conv2d.c", *_TILES), fields
