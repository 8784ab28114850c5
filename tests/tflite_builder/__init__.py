"""Small .tflite files made on the spot: `build_model`, and one function per operator.

Everything is deterministic: weights come from `seed`. The one-operator functions take shapes,
options and quantization by keyword and default to something ordinary; they return the file's bytes.

    data = conv_2d(height=7, width=5, channels=3, filters=4, stride=(2, 1), padding="valid")
    x, y = TensorSpec("x", (1, 4)), TensorSpec("y", (1, 4))
    data = build_model([OpSpec("RELU", (0,), (1,))], [x, y])
"""

from __future__ import annotations

from convert import graph as g
from tests.tflite_builder.moves import pack as stack
from tests.tflite_builder.moves import slice_, split, split_v, strided_slice, transpose
from tests.tflite_builder.moves import unpack as unstack
from tests.tflite_builder.plain import (
    add,
    binary,
    concatenation,
    dequantize,
    extreme,
    hard_swish,
    leaky_relu,
    logistic,
    mean,
    mul,
    pad,
    quantize,
    relu,
    relu6,
    reshape,
    softmax,
    sub,
    tanh,
    unary,
)
from tests.tflite_builder.streaming import Streaming
from tests.tflite_builder.weighted import (
    average_pool_2d,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    max_pool_2d,
    output_extent,
    pool_2d,
)
from tests.tflite_builder.writing import (
    TYPES,
    AlignedBuffer,
    OpSpec,
    QParams,
    TensorSpec,
    activation_tensor,
    build_model,
    constant,
    pack,
    schema,
    unpack,
)

SINGLE = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
    "MEAN": mean,
    "SOFTMAX": softmax,
    "LOGISTIC": logistic,
    "RELU": relu,
    "RELU6": relu6,
    "RESHAPE": reshape,
    "ADD": add,
    "SUB": sub,
    "MUL": mul,
    "MAXIMUM": extreme,
    "MINIMUM": lambda **keywords: extreme("MINIMUM", **keywords),
    "TANH": tanh,
    "LEAKY_RELU": leaky_relu,
    "HARD_SWISH": hard_swish,
    "TRANSPOSE": transpose,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "PACK": stack,
    "UNPACK": unstack,
    "PAD": pad,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "CONCATENATION": concatenation,
}

__all__ = [
    "SINGLE",
    "TYPES",
    "AlignedBuffer",
    "OpSpec",
    "QParams",
    "Streaming",
    "TensorSpec",
    "activation_tensor",
    "add",
    "average_pool_2d",
    "binary",
    "build_model",
    "concatenation",
    "constant",
    "conv_2d",
    "depthwise_conv_2d",
    "dequantize",
    "extreme",
    "fully_connected",
    "g",
    "hard_swish",
    "leaky_relu",
    "logistic",
    "max_pool_2d",
    "mean",
    "mul",
    "output_extent",
    "pack",
    "pad",
    "pool_2d",
    "quantize",
    "relu",
    "relu6",
    "reshape",
    "schema",
    "slice_",
    "softmax",
    "split",
    "split_v",
    "stack",
    "strided_slice",
    "sub",
    "tanh",
    "transpose",
    "unary",
    "unpack",
    "unstack",
]
