"""What the C of layers with filters has in common, whichever family of kernels computes them."""

from __future__ import annotations

import math
from dataclasses import replace

from convert.emit_layer import Fields, Layer, LayerCode, by, check_steps, struct_text
from convert.fast_types import Plane
from convert.params import (
    ConvolutionParams,
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    TransposeConvParams,
    WeightedParams,
)
from convert.params_binary import AddParams


def check_window(layer: Layer, p: ConvolutionParams) -> None:
    """Positions must stay far inside int32.

    Raises:
        UnsupportedModelError: they do not.
    """
    check_steps(layer, p.stride, p.padding, p.dilation, (p.filter_shape[1], p.filter_shape[2]))


def convolution_sizes(p: ConvolutionParams) -> Fields:
    """The fields of WS_CONVOLUTION_SIZES."""
    return [
        ("batches", p.input_shape[0]),
        ("input", p.input_shape[1:]),
        ("output", p.output_shape[1:]),
        ("filter", p.filter_shape[1:3]),
        ("stride", p.stride),
        ("dilation", p.dilation),
        ("padding", p.padding),
    ]


def window_fields(p: ConvolutionParams) -> Fields:
    """Sizes and steps of a convolution over images."""
    return [*convolution_sizes(p), ("input_zero", -p.input_offset)]


def turned_fields(p: DepthwiseConvParams, turned: bool, *own: tuple[str, object]) -> Fields:
    """The same of a depthwise one whose rows and columns may be exchanged.

    Args:
        p: its parameters.
        turned: whether they are.
        own: fields of the kernel that follow the channels.
    """
    channels, made = p.input_shape[3], p.output_shape[3]

    def sides(pair: tuple[int, ...]) -> tuple[int, ...]:
        return (pair[1], pair[0]) if turned else pair

    return [
        ("batches", p.input_shape[0]),
        ("channels", channels),
        *own,
        ("input", sides(p.input_shape[1:3])),
        ("output", sides(p.output_shape[1:3])),
        ("input_step", sides((p.input_shape[2] * channels, channels))),
        ("output_step", sides((p.output_shape[2] * made, made))),
        ("filter", sides(p.filter_shape[1:3])),
        ("stride", sides(p.stride)),
        ("padding", sides(p.padding)),
    ]


def plane_fields(p: DepthwiseConvParams, plane: Plane) -> Fields:
    """The same of one that goes channel by channel over a copied plane."""
    return [
        *turned_fields(p, plane.turned, ("multiplier", p.depth_multiplier)),
        ("plane", plane.sides),
        ("input_zero", -p.input_offset),
    ]


def dense_fields(p: FullyConnectedParams) -> Fields:
    """Sizes of FULLY_CONNECTED."""
    return [("rows", p.rows), ("depth", p.depth), ("units", p.units)]


def output_fields(p: WeightedParams | AddParams) -> Fields:
    """What sums become, in the fast families."""
    return [
        ("outputs.output_offset", p.output_offset),
        ("outputs.activation_min", p.activation_min),
        ("outputs.activation_max", p.activation_max),
    ]


def macs_of(p: WeightedParams) -> int:
    """Multiplications."""
    match p:
        case ConvParams():
            return math.prod(p.output_shape) * math.prod(p.filter_shape[1:])
        case DepthwiseConvParams():
            return math.prod(p.output_shape) * math.prod(p.filter_shape[1:3])
        case TransposeConvParams():
            return math.prod(p.input_shape[:3]) * math.prod(p.filter_shape)
        case FullyConnectedParams():
            return p.rows * p.depth * p.units
    raise AssertionError(f"no layer with a filter has {type(p).__name__}")


def words_of(layer: Layer, p: WeightedParams) -> str:
    """For the comment above the layer: the numbers of `p` in words, and which operator it is of."""
    kind, words = "FULLY_CONNECTED", ""
    if isinstance(p, ConvolutionParams):
        kind = "CONV_2D" if isinstance(p, ConvParams) else "DEPTHWISE_CONV_2D"
        kind = "TRANSPOSE_CONV" if isinstance(p, TransposeConvParams) else kind
        groups = f"{p.groups} groups, " if isinstance(p, ConvParams) and p.groups > 1 else ""
        spread = f", dilation {by(p.dilation)}" if p.dilation != (1, 1) else ""
        words = (
            f"{groups}filter {by(p.filter_shape[1:3])}, stride {by(p.stride)}{spread}, "
            f"padding {p.padding[0]} above and {p.padding[1]} left"
        )
    elif isinstance(p, FullyConnectedParams):
        words = f"{p.depth} values to {p.units} units"
    return words if kind == layer.op.kind else f"computed as {kind}, {words}"


def called(
    layer: Layer, ctype: str, kernel: str, fields: Fields, scratch: str | None
) -> tuple[str, str]:
    """The parameters of a layer, and the call of its kernel.

    Args:
        layer: with one input.
        ctype: of the parameters.
        kernel: the function.
        fields: of the parameters.
        scratch: C expression of type `int8_t *`, None where the kernel takes none.
    """
    params = f"{layer.name}_params"
    last = "" if scratch is None else f", {scratch}"
    call = f"{kernel}(&{params}, {layer.inputs[0]}, {layer.output}{last});"
    return struct_text(ctype, params, fields), call


def of_family(code: LayerCode, family: str) -> LayerCode:
    """The C for a plain kernel with the family's function of the same parameters instead."""
    body = tuple(line.replace("_s8(", f"_{family}(", 1) for line in code.body)
    return replace(code, body=body, kernel=f"{family}_{code.kernel}")
