"""What the C of convolutions has in common, whichever family of kernels computes them."""

from __future__ import annotations

import math

from convert.emit_layer import Layer, by, check_steps
from convert.fast_types import Plane
from convert.params import ConvParams, DepthwiseConvParams

Fields = list[tuple[str, object]]


def check_window(layer: Layer, p: ConvParams | DepthwiseConvParams) -> None:
    """Positions must stay far inside int32.

    Raises:
        UnsupportedModelError: they do not.
    """
    check_steps(layer, p.stride, p.padding, p.dilation, (p.filter_shape[1], p.filter_shape[2]))


def window_fields(p: ConvParams | DepthwiseConvParams) -> Fields:
    """Sizes and steps of a convolution over images."""
    return [
        ("batches", p.input_shape[0]),
        ("input", p.input_shape[1:]),
        ("output", p.output_shape[1:]),
        ("filter", p.filter_shape[1:3]),
        ("stride", p.stride),
        ("dilation", p.dilation),
        ("padding", p.padding),
        ("input_zero", -p.input_offset),
    ]


def plane_fields(p: DepthwiseConvParams, plane: Plane) -> Fields:
    """The same of a depthwise one that goes channel by channel over a copied plane."""
    channels, made = p.input_shape[3], p.output_shape[3]

    def sides(pair: tuple[int, ...]) -> tuple[int, ...]:
        return (pair[1], pair[0]) if plane.turned else pair

    return [
        ("batches", p.input_shape[0]),
        ("channels", channels),
        ("multiplier", p.depth_multiplier),
        ("input", sides(p.input_shape[1:3])),
        ("output", sides(p.output_shape[1:3])),
        ("input_step", sides((p.input_shape[2] * channels, channels))),
        ("output_step", sides((p.output_shape[2] * made, made))),
        ("filter", sides(p.filter_shape[1:3])),
        ("stride", sides(p.stride)),
        ("padding", sides(p.padding)),
        ("plane", plane.sides),
        ("input_zero", -p.input_offset),
    ]


def window_macs(p: ConvParams | DepthwiseConvParams) -> int:
    """Multiplications."""
    values = p.filter_shape[1:] if isinstance(p, ConvParams) else p.filter_shape[1:3]
    return math.prod(p.output_shape) * math.prod(values)


def window_text(p: ConvParams | DepthwiseConvParams) -> str:
    """For the comment above the layer."""
    groups = f"{p.groups} groups, " if isinstance(p, ConvParams) and p.groups > 1 else ""
    return (
        f"{groups}filter {by(p.filter_shape[1:3])}, stride {by(p.stride)}, padding {p.padding[0]} "
        f"above and {p.padding[1]} left"
    )
