"""The options of an operator in a .tflite, as the classes of `convert.options`.

The schema's enumerations come from the `tflite-micro` wheel; field slots below are the field ids of
the public TFLite schema (schema.fbs), which can never change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from convert import graph as g
from convert.errors import UnsupportedModelError
from convert.flatbuffer import Source, Table

_PADDINGS: dict[int, g.Padding] = {0: "same", 1: "valid"}
_ACTIVATIONS: dict[int, g.Activation] = {
    0: "none",
    1: "relu",
    2: "relu_n1_to_1",
    3: "relu6",
    4: "tanh",
    5: "sign_bit",
}


@lru_cache(maxsize=1)
def _schema() -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    def names(enumeration: type) -> dict[int, str]:
        return {v: k for k, v in vars(enumeration).items() if isinstance(v, int)}

    return names(schema.BuiltinOperator), names(schema.BuiltinOptions), names(schema.TensorType)


def operator_names() -> dict[int, str]:
    """Names of operators by number."""
    return _schema()[0]


def _option_names() -> dict[int, str]:
    """Names of option tables by number."""
    return _schema()[1]


def type_names() -> dict[int, str]:
    """Names of element types by number."""
    return _schema()[2]


_OPTION_TABLES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "PACK": "PackOptions",
    "UNPACK": "UnpackOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "VAR_HANDLE": "VarHandleOptions",
    "CALL_ONCE": "CallOnceOptions",
    "SOFTMAX": "SoftmaxOptions",
    "MEAN": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUM": "ReducerOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "GATHER": "GatherOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SVDF": "SVDFOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
}
_SUMS: dict[str, Callable[[g.Activation], g.Options]] = {"ADD": g.Add, "SUB": g.Sub, "MUL": g.Mul}


def read_options(table: Table, index: int, kind: str, source: Source) -> g.Options:
    """What an operator's table says beside inputs and outputs.

    Raises:
        ModelError: the options are absent, of another operator, or impossible.
        UnsupportedModelError: weights in another order than the plain one.
    """
    if kind in ("SPLIT", "SPLIT_V"):  # the number of outputs is their only option
        return g.Part()
    wanted = _OPTION_TABLES.get(kind)
    if wanted is None:
        return g.NoOptions()
    label = f"operator {index} ({kind})"
    number = table.integer(3, "B")
    options = table.table(4, f"the options of operator {index}")
    if options is None or _option_names().get(number) != wanted:
        raise source.damaged(f"{label} has no {wanted}")

    def activation(slot: int) -> g.Activation:
        value = options.integer(slot, "b")
        if value not in _ACTIVATIONS:
            raise source.damaged(f"{label} has an unknown activation, number {value}")
        return _ACTIVATIONS[value]

    def padding(slot: int) -> g.Padding:
        value = options.integer(slot, "b")
        if value not in _PADDINGS:
            raise source.damaged(f"{label} has an unknown padding, number {value}")
        return _PADDINGS[value]

    def pair(height: int, width: int, default: int, what: str) -> tuple[int, int]:
        values = options.integer(height, "i", default), options.integer(width, "i", default)
        if min(values) < 1:
            raise source.damaged(f"{label} has a {what} of {values[0]} x {values[1]}")
        return values

    def int32_bias(slot: int) -> bool:
        """Whether the bias type says INT32; it only matters for int16 values without a bias."""
        value = options.integer(slot, "b")
        if value not in type_names():
            raise source.damaged(f"{label} has an unknown bias type, number {value}")
        return type_names()[value] == "INT32"

    if kind == "CONV_2D":
        return g.Conv2D(
            padding(0),
            pair(2, 1, 0, "stride"),
            pair(5, 4, 1, "dilation"),
            activation(3),
            int32_bias(6),
        )
    if kind == "DEPTHWISE_CONV_2D":
        multiplier = options.integer(3, "i")
        if multiplier < 0:
            raise source.damaged(f"{label} has a depth multiplier of {multiplier}")
        return g.DepthwiseConv2D(
            padding(0),
            pair(2, 1, 0, "stride"),
            multiplier,
            pair(6, 5, 1, "dilation"),
            activation(4),
        )
    if kind == "TRANSPOSE_CONV":
        return g.TransposeConv(padding(0), pair(2, 1, 0, "stride"), activation(3))
    if wanted == "Pool2DOptions":
        return g.Pool2D(padding(0), pair(2, 1, 0, "stride"), pair(4, 3, 0, "window"), activation(5))
    if kind == "FULLY_CONNECTED":
        if options.integer(1, "b"):
            raise UnsupportedModelError(
                f"Weights must be stored in plain order. Received: {label} with shuffled weights. "
                "Convert the model again with a current converter."
            )
        return g.FullyConnected(activation(0), options.boolean(2), int32_bias(4))
    if kind in _SUMS:
        return _SUMS[kind](activation(0))
    if kind in ("PACK", "UNPACK"):
        ends = table.numbers(1 if kind == "PACK" else 2, "<i4", f"the tensors of {label}")
        if options.integer(0, "i") != ends.size:
            raise source.damaged(f"{label} names {options.integer(0, 'i')} parts, not {ends.size}")
        axis = options.integer(1, "i")
        return g.Pack(axis) if kind == "PACK" else g.Part(axis)
    if kind == "VAR_HANDLE":
        container, name = (
            options.text(slot, f"the {what} of {label}")
            for slot, what in ((0, "container"), (1, "name"))
        )
        return g.VarHandle(f"{container}/{name}" if container else name)
    if kind == "CALL_ONCE":
        return g.CallOnce(options.integer(0, "i"))
    if kind == "LEAKY_RELU":
        return g.LeakyRelu(options.real(0))
    if kind == "CONCATENATION":
        return g.Concatenation(options.integer(0, "i"), activation(1))
    if kind == "SOFTMAX":
        return g.Softmax(options.real(0))
    if kind == "STRIDED_SLICE":
        masks = [options.integer(slot, "i") for slot in range(5)]
        rare = bool(masks[2] or masks[3] or options.boolean(5))  # ellipsis, new axis, offset
        return g.StridedSlice(masks[0], masks[1], masks[4], rare)
    if kind == "RESIZE_NEAREST_NEIGHBOR":
        return g.Resize(options.boolean(0), options.boolean(1))
    if kind == "MIRROR_PAD":
        mode = options.integer(0, "b")
        if mode not in (0, 1):
            raise source.damaged(f"{label} has an unknown mode, number {mode}")
        return g.MirrorPad(mode == 1)
    if kind == "GATHER":
        return g.Gather(options.integer(0, "i"), options.integer(1, "i"))
    if kind in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"):
        return g.Block(options.integer(0, "i"))
    if kind == "SVDF":
        return g.Svdf(options.integer(0, "i"), activation(1))
    if kind == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return g.Lstm(
            activation(0), options.real(1), options.real(2), options.boolean(3), options.boolean(5)
        )
    return g.Mean(options.boolean(0))
