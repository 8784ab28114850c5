"""Models that break a constraint of operators without weights."""

from __future__ import annotations

from convert import constraints as c
from convert import constraints_plain as plain
from tests import tflite_builder as build
from tests.convert.broken_edits import BrokenModel, edit, make_input, set_quant, set_shape

BROKEN: list[BrokenModel] = [
    (
        plain.has_uint8_at_the_edges,
        "uint8 to uint8",
        build.quantize(dtype="uint8", output_dtype="uint8", output_q=(0.06, 5)),
        "uint8 to uint8",
    ),
    (
        c.has_equal_quantization,
        "concatenation",
        build.concatenation(input_qs=((0.1, 0), (0.2, 0)), output_q=(0.1, 0)),
        "0.2",
    ),
    (c.has_equal_quantization, "pad", edit(build.pad, set_quant(2, zero_point=[9])), ", 9 for"),
    (
        plain.has_relu6_quantization,
        "relu6",
        build.relu("RELU6", input_q=(0.1, 0), output_q=(6 / 255, -128)),
        "-128",
    ),
    (
        c.has_expressible_activation,
        "relu6 far away",
        build.relu6(q=(1e-10, 0)),
        "6 at a scale of 1e-10",
    ),
    (plain.has_equal_shapes, "relu", edit(build.relu, set_shape(1, (1, 5, 2))), "1x5x2"),
    (plain.has_probability_output, "softmax", build.softmax(output_q=(1 / 256, 0)), "zero point 0"),
    (plain.has_probability_output, "logistic", build.logistic(output_q=(1 / 255, -128)), "0.0039"),
    (plain.has_usable_beta, "beta", build.softmax(beta=float("nan")), "nan"),
    (plain.has_usable_beta, "scale", build.softmax(input_q=(1e-9, 0)), "beta 1"),
    (plain.has_few_classes, "many", build.softmax(shape=(1, 512)), "512"),
    (plain.has_usable_input_scale, "scale", build.logistic(input_q=(8.0, 0)), "8"),
    (plain.has_constant_axes, "computed", edit(build.mean, make_input(1)), "computed"),
    (plain.has_constant_axes, "range", edit(build.mean, set_shape(0, (1, 20))), "2 dimensions"),
    (
        plain.has_constant_axes,
        "rank 5",
        build.mean(shape=(1, 2, 3, 2, 2), axes=(1,)),
        "5 dimensions",
    ),
    (plain.has_constant_axes, "output", edit(build.mean, set_shape(2, (1, 1, 1, 3))), "1x1x1x3"),
    (plain.keeps_its_elements, "elements", edit(build.reshape, set_shape(1, (1, 13))), "1x13"),
    (plain.has_constant_shape, "computed", edit(build.reshape, make_input(2)), "computed"),
    (plain.broadcasts_to_output, "no", edit(build.add, set_shape(1, (1, 4, 2))), "1x4x2"),
    (plain.broadcasts_to_output, "rank 5", build.add(shape=(1, 2, 1, 2, 2)), "1x2x1x2x2"),
    (
        plain.has_moderate_output_scale,
        "small",
        build.add(output_q=(1e-8, 0)),
        "1e-08",
    ),
    (
        plain.has_constant_paddings,
        "computed",
        edit(build.pad, make_input(1), shape=(4,), paddings=((1, 2),)),
        "computed",
    ),
    (
        plain.has_constant_paddings,
        "negative",
        build.pad(paddings=((0, 0), (-1, 2), (0, 0), (0, 0))),
        "(-1, 2)",
    ),
    (
        plain.has_constant_paddings,
        "rank 5",
        build.pad(shape=(1, 1, 2, 2, 2), paddings=((0, 0),) * 5),
        "5 dimensions",
    ),
    (plain.has_constant_paddings, "output", edit(build.pad, set_shape(2, (1, 7, 4, 3))), "1x7x4x3"),
    (plain.concatenates_few, "eleven", build.concatenation(shapes=((1, 1, 1),) * 11), "11 inputs"),
    (plain.concatenates_few, "activation", build.concatenation(activation="relu"), "relu"),
    (
        plain.fills_output_along_axis,
        "axis",
        edit(build.concatenation, lambda s, op: setattr(op.builtinOptions, "axis", 3)),
        "axis 3",
    ),
    (
        plain.fills_output_along_axis,
        "other dimension",
        edit(build.concatenation, set_shape(1, (1, 3, 2))),
        "1x3x2",
    ),
]
