"""How many bytes of a model are weights: in an image, and in a `.tflite`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from convert.graph import Tensor
from convert.tflite_reader import read

_WEIGHTED = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "SVDF",
    "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
)
_NOT_WEIGHTS = ("_bias", "_multiplier", "_shift", "_params")


def weight_bytes(
    layers: Iterable[tuple[int, str]], symbols: Iterable[tuple[str, int]], prefix: str = "model"
) -> int:
    """Flash that holds the weights of a generated model, code books included.

    Biases, multipliers and shifts are not weights: they take the same room however many bits a
    weight has.

    Args:
        layers: (place of the operator, its kind) of the layers of the generated C.
        symbols: (name, size in bytes) of the constants of an image that holds it.
        prefix: of the generated C's names.
    """
    owners = tuple(f"{prefix}_layer_{index:02d}_" for index, kind in layers if kind in _WEIGHTED)
    return sum(
        size
        for name, size in symbols
        if name.startswith(owners) and not name.endswith(_NOT_WEIGHTS)
    )


def file_weight_bytes(tflite: bytes) -> int:
    """Bytes that the weights take in a `.tflite`: its constants with two dimensions or more."""
    return sum(
        # Of types that are not computed with, as float16, the array knows the size.
        data.nbytes if tensor.dtype == "other" else tensor.nbytes
        for tensor, data in _weights(tflite)
    )


def zero_share(tflite: bytes) -> float:
    """Share of the weights of a `.tflite` that are zero, 0 to 1; 0 when it has no weights."""
    zeros = count = 0
    for tensor, data in _weights(tflite):
        zero = tensor.quant.zero_point[0] if tensor.quant else 0
        zeros += int(np.count_nonzero(data == zero))
        count += tensor.size
    return zeros / count if count else 0.0


def _weights(tflite: bytes) -> list[tuple[Tensor, NDArray[np.generic]]]:
    """Constants that are neither biases (one dimension) nor shapes and paddings (int32)."""
    return [
        (tensor, tensor.data)
        for tensor in read(tflite).tensors
        if tensor.data is not None
        and len(tensor.shape) >= 2
        and tensor.dtype not in ("int32", "int64", "bool")
    ]
