"""Models that break a constraint of operators with weights or windows."""

from __future__ import annotations

import numpy as np

from convert import constraints as c
from convert import constraints_weighted as weighted
from convert import constraints_windows as windows
from tests import tflite_builder as build
from tests.convert.broken_edits import (
    BrokenModel,
    edit,
    make_input,
    set_quant,
    set_shape,
    unquantized,
)
from tests.tflite_builder import OpSpec, TensorSpec

BROKEN: list[BrokenModel] = [
    (
        weighted.has_constant_weights,
        "weights",
        edit(build.conv_2d, make_input(1), filters=1),
        "computed tensor 1",
    ),
    (
        weighted.has_symmetric_weights,
        "zero point 3",
        edit(build.fully_connected, set_quant(1, zero_point=[3])),
        "zero point 3",
    ),
    (weighted.has_weight_scales, "none", unquantized(build.conv_2d, 1), "no quantization"),
    (
        weighted.has_weight_scales,
        "axis",
        edit(build.conv_2d, set_quant(1, [0.1] * 3, [0] * 3, 3)),
        "axis 3",
    ),
    (
        weighted.has_weight_scales,
        "negative",
        edit(build.fully_connected, set_quant(1, scale=[-0.1])),
        "negative",
    ),
    (
        weighted.has_one_scale_of_int4,
        "int4 per channel",
        build.build_model(
            [OpSpec("FULLY_CONNECTED", (0, 1), (2,), build.g.FullyConnected())],
            [
                TensorSpec("x", (1, 2)),
                TensorSpec("w", (2, 2), "int4", (0.1, 0.2), (0, 0), data=b"12"),
                TensorSpec("y", (1, 2)),
            ],
        ),
        "2 scales",
    ),
    (
        weighted.has_fitting_bias,
        "bias size",
        build.build_model(
            [OpSpec("FULLY_CONNECTED", (0, 1, 2), (3,), build.g.FullyConnected())],
            [
                TensorSpec("x", (1, 2)),
                TensorSpec("w", (3, 2), data=np.ones((3, 2), np.int8)),
                TensorSpec("b", (2,), "int32", data=np.ones(2, np.int32)),
                TensorSpec("y", (1, 3)),
            ],
        ),
        "2 values for 3 channels",
    ),
    (
        weighted.has_fitting_bias,
        "bias rank",
        edit(build.conv_2d, set_shape(2, (4, 1))),
        "4x1",
    ),
    (
        weighted.has_matching_bias_scale,
        "off",
        edit(build.fully_connected, set_quant(2, scale=[0.5])),
        "bias scale 0.5",
    ),
    (
        weighted.has_matching_bias_scale,
        "absent",
        build.build_model(
            [OpSpec("FULLY_CONNECTED", (0, 1, 2), (3,), build.g.FullyConnected())],
            [
                TensorSpec("x", (1, 2), scale=(1.0,)),
                TensorSpec("w", (3, 2), scale=(1.0,), data=np.ones((3, 2), np.int8)),
                TensorSpec("b", (3,), "int32", scale=(), data=np.ones(3, np.int32)),
                TensorSpec("y", (1, 3), scale=(1.0,)),
            ],
        ),
        "bias scale 0, off by 1",
    ),
    (
        weighted.has_bounded_sums,
        "bias at the limit",
        build.fully_connected(units=1, bias_data=np.array([2**31 - 1], np.int32)),
        "up to 21476",
    ),
    (
        c.has_moderate_rescaling,
        "tiny output scale",
        build.fully_connected(output_q=(1e-30, 0)),
        "e+",
    ),
    (c.has_known_activation, "tanh", build.conv_2d(activation="tanh"), "tanh"),
    *(
        (
            c.has_expressible_activation,
            f"{activation} far away",
            build.conv_2d(
                activation=activation, input_q=(1e-6, 0), weight_scale=1e-6, output_q=(1e-10, 0)
            ),
            f"{limit} at a scale of 1e-10",
        )
        for activation, limit in (("relu6", 6), ("relu_n1_to_1", 1))
    ),
    (
        windows.has_four_dimensions,
        "rank 3",
        edit(build.max_pool_2d, set_shape(1, (1, 3, 6))),
        "1x3x6",
    ),
    (
        windows.has_matching_window,
        "too small",
        edit(build.max_pool_2d, set_shape(1, (1, 2, 2, 3))),
        "1x3x2",
    ),
    (
        windows.has_matching_window,
        "dilation",
        edit(build.conv_2d, lambda s, op: setattr(op.builtinOptions, "padding", 1)),
        "1x4x3",
    ),
    (
        windows.has_small_steps,
        "absurd stride",
        edit(build.conv_2d, lambda s, op: setattr(op.builtinOptions, "strideH", 2**31 - 1)),
        "a stride of 2147483647",
    ),
    (
        windows.has_small_steps,
        "dilation whose padding passes int16",
        build.conv_2d(kernel=(5, 1), dilation=(1 << 13, 1)),
        "a window that reaches 32769",
    ),
    (
        windows.has_small_steps,
        "dilation of a window of one",
        build.conv_2d(kernel=(1, 1), dilation=(1, 2**31 - 1)),
        "a dilation of 2147483647",
    ),
    (
        windows.has_matching_channels,
        "pool",
        edit(build.max_pool_2d, set_shape(1, (1, 3, 2, 4))),
        "1x3x2x4",
    ),
    (
        windows.has_matching_channels,
        "multiplier",
        edit(
            build.depthwise_conv_2d, lambda s, op: setattr(op.builtinOptions, "depthMultiplier", 2)
        ),
        "multiplier 2",
    ),
    (
        windows.has_matching_channels,
        "groups",
        edit(build.conv_2d, set_shape(0, (1, 6, 5, 4))),
        "1x6x5x4",
    ),
    (
        windows.has_nearly_equal_quantization,
        "scales",
        edit(build.average_pool_2d, set_quant(1, scale=[0.5])),
        "0.5",
    ),
    (
        weighted.has_matrix_weights,
        "depth",
        edit(build.fully_connected, set_shape(0, (1, 13))),
        "1x13",
    ),
    (
        weighted.has_matrix_weights,
        "rank",
        edit(build.fully_connected, set_shape(1, (5, 12, 1))),
        "5x12x1",
    ),
]
