"""C of the operators with two inputs, ADD, SUB, MUL, MAXIMUM and others, int8 and int16."""

from __future__ import annotations

from convert.emit_layer import (
    Fields,
    Layer,
    LayerCode,
    emits,
    refuse,
    struct_text,
    suffixes,
    without_offsets,
)
from convert.params import Shape
from convert.params_binary import (
    AddParams,
    BinaryParams,
    ExtremeParams,
    MulParams,
    PreluParams,
    SquaredDifferenceParams,
    SubParams,
    SumParams,
)


def broadcast_strides(
    shape1: Shape, shape2: Shape
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Four dimensions that walk through two broadcast inputs: (shape, strides 1, strides 2).

    Neighbouring dimensions in which both inputs behave alike are merged, so equal shapes become a
    single run. A stride of 0 repeats. None when more than four dimensions remain.
    """
    rank = max(len(shape1), len(shape2))
    left = (1,) * (rank - len(shape1)) + tuple(shape1)
    right = (1,) * (rank - len(shape2)) + tuple(shape2)
    merged: list[tuple[int, bool, bool]] = []  # size, repeats in input 1, repeats in input 2
    for a, b in zip(left, right, strict=True):
        size = max(a, b)
        if size == 1:
            continue
        repeats = (a == 1, b == 1)
        if merged and merged[-1][1:] == repeats:
            merged[-1] = (merged[-1][0] * size, *repeats)
        else:
            merged.append((size, *repeats))
    if len(merged) > 4:
        return None
    merged = [(1, False, False)] * (4 - len(merged)) + merged

    def strides(which: int) -> tuple[int, ...]:
        found, step = [], 1
        for entry in reversed(merged):
            found.append(0 if entry[which] else step)
            step *= 1 if entry[which] else entry[0]
        return tuple(reversed(found))

    return tuple(m[0] for m in merged), strides(1), strides(2)


def _binary(layer: Layer, p: BinaryParams, ctype: str, fields: Fields, file: str) -> LayerCode:
    """A layer that walks through two inputs; `fields` come after how it does that."""
    walk = broadcast_strides(p.input1_shape, p.input2_shape)
    if walk is None:
        shapes = f"{p.input1_shape} and {p.input2_shape}"
        refuse(layer, "broadcast over at most four groups of dimensions", shapes)
    params = f"{layer.name}_params"
    steps: Fields = [("shape", walk[0]), ("stride1", walk[1]), ("stride2", walk[2])]
    struct = struct_text(ctype, params, [*steps, *fields])
    width, end = suffixes(layer)
    function = f"ws_{layer.op.kind.lower()}{width}"
    call = f"{function}(&{params}, {layer.inputs[0]}, {layer.inputs[1]}, {layer.output});"
    about = "" if p.input1_shape == p.input2_shape else "broadcast"
    return LayerCode((struct,), (call,), f"{file}{end}", about=about)


@emits(AddParams)
@emits(AddParams, wide=True)
@emits(SubParams)
@emits(SubParams, wide=True)
@emits(SquaredDifferenceParams)
def _sum(layer: Layer, p: SumParams) -> LayerCode:
    fields: Fields = [
        ("left_shift", p.left_shift),
        ("offset1", p.input1_offset),
        ("multiplier1", p.input1_multiplier),
        ("shift1", p.input1_shift),
        ("offset2", p.input2_offset),
        ("multiplier2", p.input2_multiplier),
        ("shift2", p.input2_shift),
        ("output_offset", p.output_offset),
        ("output_multiplier", p.output_multiplier),
        ("output_shift", p.output_shift),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
    ]
    return _binary(layer, p, "ws_add_params", without_offsets(layer, fields), layer.op.kind.lower())


@emits(MulParams)
@emits(MulParams, wide=True)
def _product(layer: Layer, p: MulParams) -> LayerCode:
    fields: Fields = [
        ("offset1", p.input1_offset),
        ("offset2", p.input2_offset),
        ("output_offset", p.output_offset),
        ("multiplier", p.multiplier),
        ("shift", p.shift),
        ("activation_min", p.activation_min),
        ("activation_max", p.activation_max),
    ]
    return _binary(layer, p, "ws_mul_params", without_offsets(layer, fields), "mul")


@emits(PreluParams)
def _prelu(layer: Layer, p: PreluParams) -> LayerCode:
    fields: Fields = [
        ("input_offset", p.input_offset),
        ("slope_offset", p.slope_offset),
        ("output_offset", p.output_offset),
        ("above_multiplier", p.above_multiplier),
        ("above_shift", p.above_shift),
        ("below_multiplier", p.below_multiplier),
        ("below_shift", p.below_shift),
    ]
    return _binary(layer, p, "ws_prelu_params", fields, "prelu")


@emits(ExtremeParams)
@emits(ExtremeParams, wide=True)
def _extreme(layer: Layer, p: ExtremeParams) -> LayerCode:
    return _binary(layer, p, "ws_broadcast", [], "extreme")
