"""C of the layers that the kernels for Helium compute (`convert.fast_mve`)."""

from __future__ import annotations

from convert.emit_dsp import emit_fast
from convert.emit_filters import (
    called,
    check_window,
    dense_fields,
    macs_of,
    of_family,
    output_fields,
    turned_fields,
    window_fields,
    words_of,
)
from convert.emit_layer import Fields, Layer, LayerCode, emit_layer
from convert.fast import AnyFast
from convert.fast_add import FastAdd
from convert.fast_mve import VECTOR, Mve, Same
from convert.fast_types import Fast, FastColumns
from convert.params import ConvParams, DepthwiseConvParams, FullyConnectedParams

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
        return of_family(emit_layer(layer, found.params), "mve")
    kernel, ctype, fields = _sizes(layer, found)
    weights, weights_text = layer.pool.add("int8_t", f"{layer.name}_weights", found.weights)
    if isinstance(found.params, ConvParams):
        key = "channels"
        constants, text = layer.pool.add_structs(
            "ws_mve_channel", f"{layer.name}_{key}", found.constants
        )
    else:
        key = "blocks" if isinstance(found.params, FullyConnectedParams) else "constants"
        constants, text = layer.pool.add("int32_t", f"{layer.name}_{key}", found.constants)
    fields += [
        *output_fields(found.params),
        ("outputs.any_shift", int(max(found.params.shift) >= 0)),
        (key, constants),
        ("weights", weights),
    ]
    struct, call = called(layer, ctype, f"ws_{kernel}_mve", fields, scratch)
    return LayerCode(
        (weights_text, text, struct),
        (call,),
        f"mve_{kernel}.c",
        macs_of(found.params),
        words_of(layer, found.params),
        _ALSO.get(kernel, ()),
    )


def _sizes(layer: Layer, found: Mve) -> tuple[str, str, Fields]:
    """The kernel, the type of its parameters, and the first of them."""
    p = found.params
    if isinstance(p, FullyConnectedParams):
        chunks = ("chunks", -(-p.depth // VECTOR))
        return "fully_connected", "ws_fully_connected_mve_params", [*dense_fields(p), chunks]
    check_window(layer, p)
    if isinstance(p, DepthwiseConvParams):
        assert found.ring is not None
        fields = [
            *turned_fields(p, found.ring.turned),
            ("columns", found.ring.columns),
            ("group", found.ring.group),
            ("input_zero", -p.input_offset),
        ]
        kernel = "depthwise_4x4" if found.ring.small else "depthwise_conv2d"
        return kernel, "ws_depthwise_mve_params", fields
    fields = [
        *window_fields(p),
        ("groups", p.groups),
        ("chunks", found.weights.shape[1]),
        ("windows", found.windows),
    ]
    return "conv2d" if p.groups == 1 else "conv2d_grouped", "ws_conv2d_mve_params", fields
