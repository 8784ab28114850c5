"""Small .tflite files made on the spot: `build_model`, and one function per operator.

Everything is deterministic: weights come from `seed`. The one-operator functions take shapes,
options and quantization by keyword and default to something ordinary; they return the file's bytes.

    data = conv_2d(height=7, width=5, channels=3, filters=4, stride=(2, 1), padding="valid")
    x, y = TensorSpec("x", (1, 4)), TensorSpec("y", (1, 4))
    data = build_model([OpSpec("RELU", (0,), (1,))], [x, y])
"""

from __future__ import annotations

from convert import graph as g
from tests.tflite_builder.plain import (
    add,
    concatenation,
    dequantize,
    logistic,
    mean,
    pad,
    quantize,
    relu,
    relu6,
    reshape,
    softmax,
)
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
    "TensorSpec",
    "activation_tensor",
    "add",
    "average_pool_2d",
    "build_model",
    "concatenation",
    "constant",
    "conv_2d",
    "depthwise_conv_2d",
    "dequantize",
    "fully_connected",
    "g",
    "logistic",
    "max_pool_2d",
    "mean",
    "output_extent",
    "pack",
    "pad",
    "pool_2d",
    "quantize",
    "relu",
    "relu6",
    "reshape",
    "schema",
    "softmax",
    "unpack",
]
