"""Models that break a constraint of what moves values, has two inputs, or is a table."""

from __future__ import annotations

from convert import constraints as c
from convert import constraints_moves as moves
from convert import constraints_plain as plain
from convert import graph as g
from tests import tflite_builder as build
from tests.convert.broken_edits import BrokenModel, edit, make_input, set_quant, set_shape


def _masks(**masks: int):
    def change(sub, op):
        for name, value in masks.items():
            setattr(op.builtinOptions, name, value)

    return change


def _unfilled(sub, op):
    """An input of which the outputs leave something."""
    sub.tensors[op.inputs[1]].shape = [1, 4, 8]


BROKEN: list[BrokenModel] = [
    (moves.has_constant_permutation, "computed", edit(build.transpose, make_input(1)), "computed"),
    (
        moves.has_constant_permutation,
        "twice",
        edit(build.transpose, set_shape(2, (1, 4, 4, 2)), order=(0, 1, 1, 3)),
        "[0, 1, 1, 3] for 1x4x3x2",
    ),
    (
        moves.has_constant_permutation,
        "rank 6",
        build.transpose(shape=(1, 2, 3, 2, 2, 2), order=(0, 2, 1, 3, 4, 5)),
        "1x2x3x2x2x2",
    ),
    (
        moves.has_constant_permutation,
        "output",
        edit(build.transpose, set_shape(2, (1, 3, 4, 2))),
        "1x4x3x2 to 1x3x4x2",
    ),
    (moves.has_constant_limits, "computed", edit(build.strided_slice, make_input(1)), "[[0, 0"),
    (
        moves.has_constant_limits,
        "ellipsis",
        edit(build.strided_slice, _masks(ellipsisMask=1)),
        "with an ellipsis",
    ),
    (
        moves.has_constant_limits,
        "new axis",
        edit(build.strided_slice, _masks(newAxisMask=2)),
        "a new axis",
    ),
    (moves.has_constant_limits, "step 0", build.strided_slice(strides=(1, 1, 0)), "[1, 1, 0]"),
    (
        moves.has_constant_limits,
        "backwards",
        build.strided_slice(strides=(1, -1, 1)),
        "[1, -1, 1]",
    ),
    (
        moves.has_constant_limits,
        "nothing",
        build.strided_slice(begin=(0, 3, 0), end=(1, 2, 3), options=g.StridedSlice()),
        "takes nothing",
    ),
    (
        moves.has_constant_limits,
        "outside",
        build.strided_slice(begin=(0, 4, 0)),
        "[0, 4, 0]",
    ),
    (
        moves.has_constant_limits,
        "output",
        build.strided_slice(output=(1, 4)),
        "1x4x3 to 1x4",
    ),
    (moves.has_constant_begin_and_size, "computed", edit(build.slice_, make_input(1)), "computed"),
    (
        moves.has_constant_begin_and_size,
        "outside",
        build.slice_(begin=(0, 3, 0), size=(1, 2, 3)),
        "[0, 3, 0] and [1, 2, 3] of 1x4x3",
    ),
    (moves.splits_its_input, "axis", edit(build.split, make_input(0)), "a computed axis"),
    (
        moves.splits_its_input,
        "unfilled",
        edit(build.split, _unfilled),
        "[2, 2, 2] as sizes",
    ),
    (moves.splits_its_input, "sizes", edit(build.split_v, make_input(1)), "computed sizes"),
    (
        moves.splits_its_input,
        "other sizes",
        edit(build.split_v, set_shape(0, (1, 4, 7))),
        "[1, 3, 2] as sizes of 3 outputs of 1x4x7 along axis 2",
    ),
    (
        moves.splits_its_input,
        "no axis",
        edit(build.split, set_shape(1, (4,))),
        "axis [2] of 4",
    ),
    (
        moves.unpacks_its_input,
        "too few",
        edit(build.unstack, set_shape(0, (1, 4, 4))),
        "3 outputs of 1x4x4 along axis 1",
    ),
    (
        moves.packs_equal_shapes,
        "axis",
        edit(build.stack, _masks(axis=4)),
        "along axis 4 to 1x2x4x3",
    ),
    (moves.packs_equal_shapes, "shape", edit(build.stack, set_shape(2, (1, 3, 4, 3))), "1x3x4x3"),
    (
        c.has_equal_quantization,
        "pack",
        build.stack(qs=((0.1, 0), (0.2, 0))),
        "0.2",
    ),
    (c.has_equal_quantization, "split", edit(build.split, set_quant(2, scale=[0.5])), "0.5"),
    (
        c.has_equal_quantization,
        "maximum",
        build.binary("MAXIMUM", a_q=(0.1, 0), b_q=(0.1, 2), output_q=(0.1, 0)),
        ", 2 for",
    ),
    (plain.broadcasts_to_output, "sub", edit(build.sub, set_shape(1, (1, 4, 2))), "1x4x2"),
    (plain.has_moderate_product, "small", build.mul(output_q=(1e-9, 0)), "600000"),
    (plain.has_moderate_square, "small", build.squared_difference(output_q=(1e-9, 0)), "1e-09"),
    (plain.has_moderate_product, "prelu", build.prelu(slope_q=(1e5, 0)), "50000"),
    (
        plain.has_constant_padding_value,
        "computed",
        edit(build.pad, make_input(3), value=4),
        "a computed value",
    ),
    (
        plain.has_constant_padding_value,
        "scale",
        build.pad(value=4, value_q=(1 / 32, 3)),
        "another scale",
    ),
    (
        c.has_equal_quantization,
        "reduction",
        build.mean("REDUCE_MAX", output_q=(1 / 32, 3)),
        "0.03125",
    ),
    (plain.has_tanh_output, "scale", build.tanh(output_q=(1 / 127, 0)), "0.0078"),
    (plain.has_tanh_output, "zero point", build.tanh(output_q=(1 / 128, 1)), "zero point 1"),
    (plain.has_usable_slope, "infinite", build.leaky_relu(alpha=float("inf")), "inf"),
    (plain.has_usable_slope, "no number", build.leaky_relu(alpha=float("nan")), "nan"),
    (
        plain.has_hard_swish_scales,
        "fine output",
        build.hard_swish(output_q=(1e-4, 0)),
        "0.1 and 0.0001",
    ),
    (
        plain.has_hard_swish_scales,
        "large",
        build.hard_swish(input_q=(300.0, 0), output_q=(300.0, 0)),
        "300",
    ),
]
