"""C of the layers that the host kernels compute (`convert.host_layers`)."""

from __future__ import annotations

from convert.emit_filters import called, macs_of, words_of
from convert.emit_layer import Fields, Layer, LayerCode
from convert.host_layers import HostLayer
from convert.params import ConvParams


def emit_host(layer: Layer, host: HostLayer, scratch: str | None) -> LayerCode:
    """The C of one layer.

    Args:
        layer: the operator; its weights and bias are not looked at.
        host: what `convert.host_layers.host_layers` made of it.
        scratch: C expression of type `int8_t *`.
    """
    p = host.params
    rescale, rescale_text = layer.pool.add("int32_t", f"{layer.name}_rescale", host.rescale)
    weights, weights_text = layer.pool.add("int8_t", f"{layer.name}_weights", host.weights)
    offsets, offsets_text = layer.pool.add("int32_t", f"{layer.name}_offsets", host.offsets)
    definitions = [rescale_text, weights_text, offsets_text]
    fields: Fields = [
        ("layer.batches", p.input_shape[0]),
        ("layer.input", p.input_shape[1:]),
        ("layer.output", p.output_shape[1:]),
        ("layer.plane", host.plane),
        ("layer.padding", p.padding),
        ("layer.stride", p.stride),
        ("layer.input_zero", -p.input_offset),
        ("layer.repeat", 1 if isinstance(p, ConvParams) else p.depth_multiplier),
        ("layer.activation_min", p.activation_min),
        ("layer.activation_max", p.activation_max),
        ("layer.rescale", rescale),
        ("weights", weights),
        ("offsets", offsets),
    ]
    if isinstance(p, ConvParams):
        short, kernel = "conv2d", "conv2d"
        fields += [("groups", p.groups), ("fours", len(host.offsets))]
    else:
        short, kernel = "depthwise", "depthwise_conv2d"
        rows, text = layer.pool.add("int32_t", f"{layer.name}_rows", host.rows)
        definitions.append(text)
        fields += [
            ("vectors", len(host.rows)),
            ("taps", len(host.offsets)),
            ("columns_at", host.columns_at),
            ("rows", rows),
        ]
    struct, call = called(layer, f"ws_{short}_host_params", f"ws_{kernel}_host", fields, scratch)
    return LayerCode(
        (*definitions, struct), (call,), f"host/{kernel}.c", macs_of(p), words_of(layer, p)
    )
