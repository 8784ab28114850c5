"""Each constraint: a model that breaks it is refused with the rule, the place and a way out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert import constraints as c
from convert import constraints_recurrent, supported
from convert import constraints_wide as w
from convert.errors import UnsupportedModelError
from convert.prepare import prepare_graph
from convert.supported import RULES, check, page
from convert.tflite_reader import read
from tests import tflite_builder as build
from tests.convert import broken_recurrent, wide_broken
from tests.convert.public_models import PUBLIC
from tests.tflite_builder import OpSpec, TensorSpec

ROOT = Path(__file__).parents[2]


def edit(make: Callable[..., bytes], change: Callable, **keywords) -> bytes:
    """A built model, changed through the object API; `change` gets (subgraph, operator)."""
    model = build.unpack(make(**keywords))
    sub = model.subgraphs[0]
    change(sub, sub.operators[0])
    return build.pack(model)


def set_quant(index: int, scale=None, zero_point=None, axis=None):
    def change(sub, op):
        q = sub.tensors[index].quantization
        q.scale = q.scale if scale is None else scale
        q.zeroPoint = q.zeroPoint if zero_point is None else zero_point
        q.quantizedDimension = q.quantizedDimension if axis is None else axis

    return change


def set_shape(index: int, shape):
    return lambda sub, op: setattr(sub.tensors[index], "shape", list(shape))


def make_input(index: int):
    """Turn a constant into a second graph input."""

    def change(sub, op):
        sub.tensors[index].buffer = 0
        sub.inputs = [*sub.inputs, index]

    return change


def relu_of(dtype: str, shape=(1, 4)) -> bytes:
    return build.build_model(
        [OpSpec("RELU", (0,), (1,))], [TensorSpec("x", shape, dtype), TensorSpec("y", shape, dtype)]
    )


def unquantized(make: Callable[..., bytes], index: int) -> bytes:
    return edit(make, lambda sub, op: setattr(sub.tensors[index], "quantization", None))


def hybrid() -> bytes:
    """Dynamic range: float32 activations, int8 weights."""
    model = build.unpack(build.fully_connected(bias=False))
    for index in (0, 3):
        model.subgraphs[0].tensors[index].type = build.TYPES["float32"][0]
    return build.pack(model)


def constant_input() -> bytes:
    x = TensorSpec("x", (1, 4), data=np.zeros((1, 4), np.int8))
    y, u, v = (TensorSpec(n, (1, 4)) for n in "yuv")
    ops = [OpSpec("RELU", (0,), (1,)), OpSpec("RELU", (2,), (3,))]
    return build.build_model(ops, [x, y, u, v], [2], [1, 3])


LARGE = 4 << 20
BROKEN: list[tuple[Callable, str, bytes, str]] = [
    (
        c.model_has_operators,
        "no operators",
        build.build_model([], [TensorSpec("x", (1, 2))], [0], [0]),
        "0 operators",
    ),
    (c.model_is_int8, "float", relu_of("float32"), "float32 in 1 of 1"),
    (c.model_is_int8, "uint8", relu_of("uint8"), "uint8 in 1 of 1"),
    (
        c.has_uint8_at_the_edges,
        "uint8 to uint8",
        build.quantize(dtype="uint8", output_dtype="uint8", output_q=(0.06, 5)),
        "uint8 to uint8",
    ),
    (c.model_is_int8, "float16", relu_of("float16"), "another type in 1 of 1"),
    (c.model_is_int8, "dynamic range", hybrid(), "dynamic range"),
    (c.model_has_batch_1, "batch", build.conv_2d(batch=2), "2x6x5x3"),
    (
        c.model_computes_its_outputs,
        "input as output",
        edit(build.relu, lambda sub, op: setattr(sub, "outputs", [0, 1])),
        'tensor 0 "input"',
    ),
    (
        supported._has_arity,
        "no weights",
        edit(build.conv_2d, lambda sub, op: setattr(op, "inputs", [0])),
        "(0,)",
    ),
    (
        supported._has_arity,
        "absent weights",
        edit(build.conv_2d, lambda sub, op: setattr(op, "inputs", [0, -1, 2])),
        "(0, -1, 2)",
    ),
    (
        supported._has_arity,
        "four inputs",
        edit(build.conv_2d, lambda sub, op: setattr(op, "inputs", [0, 1, 2, 2])),
        "(0, 1, 2, 2)",
    ),
    (
        supported._has_arity,
        "absent part",
        edit(build.concatenation, lambda sub, op: setattr(op, "inputs", [0, -1])),
        "(0, -1)",
    ),
    (
        supported._has_arity,
        "three inputs",
        edit(build.reshape, lambda sub, op: setattr(op, "inputs", [0, 2, 2])),
        "(0, 2, 2)",
    ),
    (supported._has_types, "int32 activations", relu_of("int32"), "int32"),
    (
        supported._has_types,
        "int64 paddings",
        build.pad(dtype="int64"),
        "int64",
    ),
    (c.has_static_shapes, "dimension 0", relu_of("int8", (1, 0)), "1x0"),
    (c.fits_a_microcontroller, "5 MB", build.relu(shape=(1, LARGE + 1)), str(LARGE + 1)),
    (c.is_quantized, "no quantization", unquantized(build.relu, 1), "no quantization"),
    (c.is_quantized, "scale 0", edit(build.relu, set_quant(0, scale=[0.0])), "scale 0"),
    (c.is_quantized, "infinite", edit(build.relu, set_quant(0, scale=[np.inf])), "scale inf"),
    (c.is_quantized, "not a number", edit(build.relu, set_quant(0, scale=[np.nan])), "scale nan"),
    (c.is_quantized, "zero point", edit(build.relu, set_quant(1, zero_point=[128])), "128"),
    (
        c.is_quantized,
        "per channel",
        edit(build.relu, set_quant(0, [0.1] * 10, [0] * 10, 1)),
        "10 scales",
    ),
    (c.has_computed_input, "constant", constant_input(), "constants only"),
    (
        c.has_constant_weights,
        "weights",
        edit(build.conv_2d, make_input(1), filters=1),
        "computed tensor 1",
    ),
    (
        c.has_symmetric_weights,
        "zero point 3",
        edit(build.fully_connected, set_quant(1, zero_point=[3])),
        "zero point 3",
    ),
    (c.has_weight_scales, "none", unquantized(build.conv_2d, 1), "no quantization"),
    (
        c.has_weight_scales,
        "axis",
        edit(build.conv_2d, set_quant(1, [0.1] * 3, [0] * 3, 3)),
        "axis 3",
    ),
    (
        c.has_weight_scales,
        "negative",
        edit(build.fully_connected, set_quant(1, scale=[-0.1])),
        "negative",
    ),
    (
        c.has_one_scale_of_int4,
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
        c.has_fitting_bias,
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
        c.has_fitting_bias,
        "bias rank",
        edit(build.conv_2d, set_shape(2, (4, 1))),
        "4x1",
    ),
    (
        c.has_matching_bias_scale,
        "off",
        edit(build.fully_connected, set_quant(2, scale=[0.5])),
        "bias scale 0.5",
    ),
    (
        c.has_matching_bias_scale,
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
        c.has_bounded_sums,
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
    (
        c.has_four_dimensions,
        "rank 3",
        edit(build.max_pool_2d, set_shape(1, (1, 3, 6))),
        "1x3x6",
    ),
    (
        c.has_matching_window,
        "too small",
        edit(build.max_pool_2d, set_shape(1, (1, 2, 2, 3))),
        "1x3x2",
    ),
    (
        c.has_matching_window,
        "dilation",
        edit(build.conv_2d, lambda s, op: setattr(op.builtinOptions, "padding", 1)),
        "1x4x3",
    ),
    (
        c.has_matching_window,
        "absurd stride",
        edit(build.conv_2d, lambda s, op: setattr(op.builtinOptions, "strideH", 2**31 - 1)),
        "stride 2147483647",
    ),
    (
        c.has_matching_window,
        "dilation whose padding passes int16",
        build.conv_2d(dilation=(1 << 15, 1)),
        "a window of 65537",
    ),
    (
        c.has_matching_channels,
        "pool",
        edit(build.max_pool_2d, set_shape(1, (1, 3, 2, 4))),
        "1x3x2x4",
    ),
    (
        c.has_matching_channels,
        "multiplier",
        edit(
            build.depthwise_conv_2d, lambda s, op: setattr(op.builtinOptions, "depthMultiplier", 2)
        ),
        "multiplier 2",
    ),
    (
        c.has_matching_channels,
        "groups",
        edit(build.conv_2d, set_shape(0, (1, 6, 5, 4))),
        "1x6x5x4",
    ),
    (
        c.has_nearly_equal_quantization,
        "scales",
        edit(build.average_pool_2d, set_quant(1, scale=[0.5])),
        "0.5",
    ),
    (
        c.has_equal_quantization,
        "concatenation",
        build.concatenation(input_qs=((0.1, 0), (0.2, 0)), output_q=(0.1, 0)),
        "0.2",
    ),
    (c.has_equal_quantization, "pad", edit(build.pad, set_quant(2, zero_point=[9])), ", 9 for"),
    (
        c.has_relu6_quantization,
        "relu6",
        build.relu("RELU6", input_q=(0.1, 0), output_q=(6 / 255, -128)),
        "-128",
    ),
    (c.has_equal_shapes, "relu", edit(build.relu, set_shape(1, (1, 5, 2))), "1x5x2"),
    (
        c.has_matrix_weights,
        "depth",
        edit(build.fully_connected, set_shape(0, (1, 13))),
        "1x13",
    ),
    (
        c.has_matrix_weights,
        "rank",
        edit(build.fully_connected, set_shape(1, (5, 12, 1))),
        "5x12x1",
    ),
    (c.has_probability_output, "softmax", build.softmax(output_q=(1 / 256, 0)), "zero point 0"),
    (c.has_probability_output, "logistic", build.logistic(output_q=(1 / 255, -128)), "0.0039"),
    (c.has_usable_beta, "beta", build.softmax(beta=float("nan")), "nan"),
    (c.has_usable_beta, "scale", build.softmax(input_q=(1e-9, 0)), "beta 1"),
    (c.has_few_classes, "many", build.softmax(shape=(1, 512)), "512"),
    (c.has_usable_input_scale, "scale", build.logistic(input_q=(8.0, 0)), "8"),
    (c.has_constant_axes, "computed", edit(build.mean, make_input(1)), "computed"),
    (c.has_constant_axes, "range", edit(build.mean, set_shape(0, (1, 20))), "2 dimensions"),
    (c.has_constant_axes, "rank 5", build.mean(shape=(1, 2, 3, 2, 2), axes=(1,)), "5 dimensions"),
    (c.has_constant_axes, "output", edit(build.mean, set_shape(2, (1, 1, 1, 3))), "1x1x1x3"),
    (c.keeps_its_elements, "elements", edit(build.reshape, set_shape(1, (1, 13))), "1x13"),
    (c.has_constant_shape, "computed", edit(build.reshape, make_input(2)), "computed"),
    (c.broadcasts_to_output, "no", edit(build.add, set_shape(1, (1, 4, 2))), "1x4x2"),
    (c.broadcasts_to_output, "rank 5", build.add(shape=(1, 2, 1, 2, 2)), "1x2x1x2x2"),
    (
        c.has_moderate_output_scale,
        "small",
        build.add(output_q=(1e-8, 0)),
        "1e-08",
    ),
    (
        c.has_constant_paddings,
        "computed",
        edit(build.pad, make_input(1), shape=(4,), paddings=((1, 2),)),
        "computed",
    ),
    (
        c.has_constant_paddings,
        "negative",
        build.pad(paddings=((0, 0), (-1, 2), (0, 0), (0, 0))),
        "(-1, 2)",
    ),
    (
        c.has_constant_paddings,
        "rank 5",
        build.pad(shape=(1, 1, 2, 2, 2), paddings=((0, 0),) * 5),
        "5 dimensions",
    ),
    (c.has_constant_paddings, "output", edit(build.pad, set_shape(2, (1, 7, 4, 3))), "1x7x4x3"),
    (c.concatenates_few, "eleven", build.concatenation(shapes=((1, 1, 1),) * 11), "11 inputs"),
    (c.concatenates_few, "activation", build.concatenation(activation="relu"), "relu"),
    (
        c.fills_output_along_axis,
        "axis",
        edit(build.concatenation, lambda s, op: setattr(op.builtinOptions, "axis", 3)),
        "axis 3",
    ),
    (
        c.fills_output_along_axis,
        "other dimension",
        edit(build.concatenation, set_shape(1, (1, 3, 2))),
        "1x3x2",
    ),
    *wide_broken.BROKEN,
]


@pytest.mark.parametrize(
    ("constraint", "data", "received"),
    [
        pytest.param(f, d, r, id=f"{f.__name__}: {name}")
        for f, name, d, r in (*BROKEN, *broken_recurrent.BROKEN)
    ],
)
def test_a_broken_constraint_is_named(constraint: Callable, data: bytes, received: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        check(read(data))
    text = str(caught.value)
    rule, way_out = supported._paragraphs(constraint)
    assert rule.removesuffix(".") + ". Received: " in text
    assert received in text.split("Received: ")[1]
    assert text.endswith(way_out)
    if constraint not in supported.MODEL_CONSTRAINTS:
        assert text.startswith("Operator 0 (")
    assert "\n" not in text


def all_constraints() -> set[Callable]:
    ours = {f for rule in RULES.values() for f in rule.constraints}
    return ours | set(supported.MODEL_CONSTRAINTS) | set(supported.COMMON_CONSTRAINTS)


def test_every_constraint_is_used_and_tested() -> None:
    public = {
        f
        for module in (c, w, constraints_recurrent)
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == all_constraints()
    assert public - {f for f, *_ in (*BROKEN, *broken_recurrent.BROKEN)} == set()


def test_every_docstring_has_a_rule_and_a_way_out() -> None:
    for constraint in all_constraints():
        rule, way_out = supported._paragraphs(constraint)
        assert rule.endswith(".") and way_out.endswith(".") and len(rule) < 120


@pytest.mark.parametrize("kind", build.SINGLE)
def test_every_operator_is_supported(kind: str) -> None:
    graph = read(build.SINGLE[kind]())
    check(graph)
    check(graph, target="tflm")
    prepare_graph(graph)


@pytest.mark.parametrize(
    "data",
    [
        build.conv_2d(dilation=(2, 2), stride=(1, 1)),
        build.conv_2d(bias=False, per_channel=False),
        build.conv_2d(weight_scale=[0.0, 0.1, 0.1, 0.1]),
        build.depthwise_conv_2d(multiplier=3, dilation=(2, 1), padding="valid"),
        build.fully_connected(per_channel=True, activation="relu_n1_to_1"),
        build.fully_connected(
            keep_dims=True, input_shape=(1, 3, 12), output_shape=(1, 3, 5), units=5
        ),
        build.add(other_shape=(3,)),
        build.add(other_shape=(1, 1, 1)),
        build.add(other_data=np.ones((1, 4, 3), np.int8)),
        build.mean(axes=(-1, 1, 1), keep_dims=True),
        build.mean(shape=(1, 7), axes=(1,)),
        build.reshape(target="option", request=(-1, 12)),
        build.quantize(dtype="float32"),
        build.softmax(shape=(1, 511)),
    ],
)
def test_variants_that_run(data: bytes) -> None:
    graph = read(data)
    check(graph)
    prepare_graph(graph)


def test_squeeze_and_expand_dims_count_as_reshape() -> None:
    x, y, z = TensorSpec("x", (1, 4, 1)), TensorSpec("y", (1, 4)), TensorSpec("z", (1, 1, 4))
    axis = build.constant("axis", 1)
    ops = [OpSpec("SQUEEZE", (0,), (1,)), OpSpec("EXPAND_DIMS", (1, 3), (2,))]
    check(read(build.build_model(ops, [x, y, z, axis])))


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models_are_supported(path) -> None:
    graph = read(path.read_bytes())
    check(graph)
    check(graph, target="tflm")


def test_unsupported_operators_are_named_with_place_and_way_out() -> None:
    tensors = [TensorSpec("x", (1, 4)), TensorSpec("half", (1, 4)), TensorSpec("net/tanh", (1, 4))]
    tensors.append(TensorSpec("y", (1, 4)))
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("TANH", (1,), (2,)),
        OpSpec("CUSTOM:Mine", (2,), (3,)),
    ]
    graph = read(build.build_model(ops, tensors))
    with pytest.raises(UnsupportedModelError) as caught:
        check(graph)
    text = str(caught.value)
    assert text.startswith('Operator 1 (TANH, output "net/tanh"): operators must be among ADD, ')
    assert "Received: TANH and, further on, CUSTOM:Mine." in text
    assert text.endswith("Use ReLU there, or a sigmoid or softmax at the output, and train again.")
    with pytest.raises(UnsupportedModelError, match=r"Operator 2 \(CUSTOM:Mine"):
        check(graph, target="tflm")


def test_tflm_target_takes_float_models() -> None:
    check(read(relu_of("float32")), target="tflm")


def test_tflm_target_refuses_what_crashes_tflite_micro() -> None:
    graph = read(build.depthwise_conv_2d(bias=False))
    check(graph)
    with pytest.raises(UnsupportedModelError, match="crashes"):
        check(graph, target="tflm")
    check(read(edit(build.depthwise_conv_2d, lambda s, op: setattr(op, "inputs", [0, 1]))), "tflm")


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "SUPPORTED_OPS.md").read_text() == page(), (
        "run: python -m convert.supported > docs/SUPPORTED_OPS.md"
    )
