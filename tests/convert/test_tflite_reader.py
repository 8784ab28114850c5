"""The reader: what it makes of sound files, and what it refuses by name."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from convert import graph as g
from convert.errors import ModelError, UnsupportedModelError
from convert.supported import check
from convert.tflite_reader import read
from tests import tflite_builder as build
from tests.convert.broken_edits import one_sentence
from tests.public_models import PUBLIC

# Sound files --------------------------------------------------------------------------------------


def test_a_bias_with_the_dimension_of_its_weights() -> None:
    """As converters of 2019 wrote it; there is only one dimension that it can mean."""
    model = build.unpack(build.depthwise_conv_2d())
    bias = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[2]]
    assert len(bias.quantization.scale) == bias.shape[0] > 1
    sound = read(build.pack(model))
    bias.quantization.quantizedDimension = 3
    old = read(build.pack(model))
    assert old.tensors[old.ops[0].inputs[2]].quant == sound.tensors[sound.ops[0].inputs[2]].quant


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models(path) -> None:
    data = path.read_bytes()
    graph = read(data)
    assert graph.model_hash == hashlib.sha256(data).hexdigest()
    theirs = build.unpack(data).subgraphs[0]
    buffers = build.unpack(data).buffers
    assert len(graph.ops) == len(theirs.operators)
    assert graph.inputs == tuple(theirs.inputs) and graph.outputs == tuple(theirs.outputs)
    for ours, other in zip(graph.tensors, theirs.tensors, strict=True):
        assert ours.name == other.name.decode()
        assert ours.shape == tuple(other.shape)
        raw = buffers[other.buffer].data
        assert (ours.data is None) == (raw is None or len(raw) == 0)
        if ours.data is not None:
            assert ours.data.tobytes() == bytes(raw)
            assert not ours.data.flags.writeable
        if ours.quant is not None:
            assert ours.quant.scale == tuple(other.quantization.scale)
            assert ours.quant.zero_point == tuple(other.quantization.zeroPoint)
    for ours, other in zip(graph.ops, theirs.operators, strict=True):
        assert ours.inputs == tuple(other.inputs) and ours.outputs == tuple(other.outputs)


OPTIONS = {
    "CONV_2D": g.Conv2D("valid", (2, 3), (4, 5), "relu6"),
    "DEPTHWISE_CONV_2D": g.DepthwiseConv2D("same", (2, 3), 7, (4, 5), "relu"),
    "MAX_POOL_2D": g.Pool2D("valid", (2, 3), (4, 5), "relu_n1_to_1"),
    "AVERAGE_POOL_2D": g.Pool2D("same", (3, 2), (5, 4), "none"),
    "FULLY_CONNECTED": g.FullyConnected("relu", True),
    "SUB": g.Sub("relu6"),
    "MUL": g.Mul("relu_n1_to_1"),
    "PACK": g.Pack(-2),
    "LEAKY_RELU": g.LeakyRelu(0.25),
    "VAR_HANDLE": g.VarHandle("a/name"),
    "CALL_ONCE": g.CallOnce(0),
    "ADD": g.Add("relu6"),
    "CONCATENATION": g.Concatenation(-2, "tanh"),
    "SOFTMAX": g.Softmax(0.5),
    "MEAN": g.Mean(True),
    "SUM": g.Mean(True),
    "TRANSPOSE_CONV": g.TransposeConv("valid", (2, 3), "relu6"),
    "RESIZE_NEAREST_NEIGHBOR": g.Resize(False, True),
    "MIRROR_PAD": g.MirrorPad(True),
    "GATHER": g.Gather(-2, 1),
    "DEPTH_TO_SPACE": g.Block(3),
    "SPACE_TO_DEPTH": g.Block(5),
    "LOGISTIC": g.NoOptions(),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_option_field_is_read_from_its_slot(kind: str) -> None:
    tensors = [build.TensorSpec("x", (1, 2)), build.TensorSpec("y", (1, 2))]
    ops = [build.OpSpec(kind, (0, -1), (1,), OPTIONS[kind])]
    assert read(build.build_model(ops, tensors)).ops == (
        g.Op(0, kind, (0, -1), (1,), OPTIONS[kind]),
    )


def test_quantization_per_channel() -> None:
    graph = read(build.depthwise_conv_2d(channels=3, multiplier=2))
    weights = graph.tensors[1]
    assert weights.quant is not None
    assert weights.quant.per_channel and weights.quant.axis == 3 and len(weights.quant.scale) == 6
    assert weights.quant.zero_point == (0,) * 6
    assert all(float(np.float32(s)) == s for s in weights.quant.scale)
    assert weights.data is not None and weights.data.dtype == np.int8


def test_absent_bias_is_minus_1() -> None:
    assert read(build.conv_2d(bias=False)).ops[0].inputs == (0, 1, -1)


def test_old_and_new_operator_codes() -> None:
    model = build.unpack(build.relu())
    model.operatorCodes[0].builtinCode = 0  # files from before 2020 lack the field
    assert read(build.pack(model)).ops[0].kind == "RELU"
    model.operatorCodes[0].deprecatedBuiltinCode = 127
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.GELU
    assert read(build.pack(model)).ops[0].kind == "GELU"
    model.operatorCodes[0].builtinCode = 9999
    assert read(build.pack(model)).ops[0].kind == "operator number 9999"
    assert (
        read(
            build.build_model(
                [build.OpSpec("CUSTOM:My*/Op", (0,), (1,))],
                [build.TensorSpec("x", (1,)), build.TensorSpec("y", (1,))],
            )
        )
        .ops[0]
        .kind
        == "CUSTOM:My*/Op"
    )


def test_data_behind_the_flatbuffer() -> None:
    data = build.fully_connected()
    expected = read(data).tensors[1].data
    model = build.unpack(data)
    place = model.subgraphs[0].tensors[1].buffer
    raw = bytes(model.buffers[place].data)
    model.buffers[place].data = None
    model.buffers[place].offset, model.buffers[place].size = 2, len(raw)
    start = len(build.pack(model))
    model.buffers[place].offset = start
    assert len(build.pack(model)) == start
    whole = build.pack(model) + raw
    assert expected is not None
    np.testing.assert_array_equal(read(whole).tensors[1].data, expected)
    with pytest.raises(ModelError, match="outside of the file"):
        read(whole[:-1])
    model.buffers[place].offset = 2**63
    with pytest.raises(ModelError, match="outside of the file"):
        read(build.pack(model) + raw)


def test_int4_is_unpacked() -> None:
    """Low half of each byte first, two's complement, -8 included; the last may be half used."""
    ops = [build.OpSpec("RELU", (0,), (1,))]
    x, y = build.TensorSpec("x", (1, 3)), build.TensorSpec("y", (1, 3))
    w = build.TensorSpec("w", (1, 3), "int4", (0.1,), data=bytes([0x78, 0xFF]))
    made = read(build.build_model(ops, [x, y, w])).tensors[2]
    assert made.dtype == "int4" and made.nbytes == 2
    assert made.data is not None and made.data.dtype == np.int8
    assert made.data.tolist() == [[-8, 7, -1]] and not made.data.flags.writeable
    for size in (1, 3):
        with pytest.raises(ModelError, match="needs 2"):
            read(build.build_model(ops, [x, y, replace(w, data=bytes(size))]))
    assert read(with_x(dtype="int4")).tensors[0].nbytes == 2


def test_int4_activations_do_not_run() -> None:
    with pytest.raises(UnsupportedModelError, match="int4"):
        check(read(with_x(dtype="int4")))


def test_shape_signature_is_ignored_as_in_tflite_micro() -> None:
    x = build.TensorSpec("x", (1, 4), shape_signature=(-1, 4))
    ops = [build.OpSpec("RELU", (0,), (1,))]
    graph = read(build.build_model(ops, [x, build.TensorSpec("y", (1, 4))]))
    assert graph.tensors[0].shape == (1, 4)


def test_float_and_other_types_are_readable() -> None:
    ops = [build.OpSpec("RELU", (0,), (1,))]
    for dtype in ("float32", "float16", "int16", "uint8"):
        x, y = (build.TensorSpec(n, (1, 4), dtype) for n in "xy")
        wanted = "other" if dtype == "float16" else dtype
        assert read(build.build_model(ops, [x, y])).tensors[0].dtype == wanted


def test_names_may_be_anything() -> None:
    ops = [build.OpSpec("RELU", (0,), (1,))]
    x, y = build.TensorSpec("", (1,)), build.TensorSpec("نعم\n*/" + "n" * 9999, (1,))
    assert read(build.build_model(ops, [x, y])).tensors[1].name == y.name


# Refused by name ----------------------------------------------------------------------------------


def with_x(**changes) -> bytes:
    ops = [build.OpSpec("RELU", (0,), (1,))]
    return build.build_model(
        ops, [build.TensorSpec("x\nx", (1, 4), **changes), build.TensorSpec("y", (1, 4))]
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_x(variable=True), "variables"),
        (with_x(sparse=True), "sparse"),
        (build.build_model([], [build.TensorSpec("x", (1,))], [0], [0], subgraphs=2), "subgraph"),
        (build.build_model([], [build.TensorSpec("x", (1,))], [0], [0], subgraphs=0), "subgraph"),
    ],
)
def test_what_a_graph_cannot_express(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words) as caught:
        read(data)
    one_sentence(caught.value)


def test_shuffled_weights_and_blockwise_quantization() -> None:
    model = build.unpack(build.fully_connected())
    model.subgraphs[0].operators[0].builtinOptions.weightsFormat = 1
    with pytest.raises(UnsupportedModelError, match="shuffled"):
        read(build.pack(model))
    model = build.unpack(build.fully_connected())
    quantization = model.subgraphs[0].tensors[1].quantization
    quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    quantization.details = schema.BlockwiseQuantizationT()
    with pytest.raises(UnsupportedModelError, match="blockwise"):
        read(build.pack(model))
