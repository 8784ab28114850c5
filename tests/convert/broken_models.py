"""Models that break a constraint of every model or of every operator."""

from __future__ import annotations

import numpy as np

from convert import constraints as c
from convert import supported
from tests import tflite_builder as build
from tests.convert.broken_edits import BrokenModel, edit, set_quant, unquantized
from tests.tflite_builder import OpSpec, TensorSpec

LARGE = 4 << 20


def relu_of(dtype: str, shape=(1, 4)) -> bytes:
    return build.build_model(
        [OpSpec("RELU", (0,), (1,))], [TensorSpec("x", shape, dtype), TensorSpec("y", shape, dtype)]
    )


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


BROKEN: list[BrokenModel] = [
    (
        c.model_has_operators,
        "no operators",
        build.build_model([], [TensorSpec("x", (1, 2))], [0], [0]),
        "0 operators",
    ),
    (c.model_is_int8, "float", relu_of("float32"), "float32 in 1 of 1"),
    (c.model_is_int8, "uint8", relu_of("uint8"), "uint8 in 1 of 1"),
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
]
