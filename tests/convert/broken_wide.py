"""Models that break the constraints on int16 values, for `tests.convert.test_supported`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert import constraints as c
from convert import constraints_plain as plain
from convert import constraints_wide as w
from tests import tflite_builder as tb
from tests.wide_cases import as_int16


def _edited(model: bytes, change: Callable) -> bytes:
    """`change` gets the subgraph and its first operator."""
    made = tb.unpack(model)
    sub = made.subgraphs[0]
    change(sub, sub.operators[0])
    return tb.pack(made)


def _typed(index: int, dtype: str) -> Callable:
    return lambda sub, op: setattr(sub.tensors[index], "type", tb.TYPES[dtype][0])


def _without_bias(model: bytes, **options: int) -> bytes:
    def change(sub, op):
        op.inputs = op.inputs[:2]
        for key, value in options.items():
            setattr(op.builtinOptions, key, value)

    return _edited(model, change)


def _shares_in(sub, op):
    """The input is what SOFTMAX of int8 may give."""
    for tensor in sub.tensors:
        tensor.type = tb.TYPES["int16"][0]
        tensor.quantization.zeroPoint = [-32768]


def _zero_point(index: int, value: int) -> Callable:
    return lambda sub, op: setattr(sub.tensors[index].quantization, "zeroPoint", [value])


def _int4_weights() -> bytes:
    """The same weights, said to be INT4: half of the bytes."""
    model = tb.unpack(as_int16(tb.conv_2d()))
    tensor = model.subgraphs[0].tensors[1]
    buffer = model.buffers[tensor.buffer]
    tensor.type = tb.TYPES["int4"][0]
    buffer.data = bytes(buffer.data)[: (len(buffer.data) + 1) // 2]
    return tb.pack(model)


def _with_bias(model: bytes, dtype: str, value: int = 7) -> bytes:
    made = tb.unpack(model)
    tensor = made.subgraphs[0].tensors[2]
    tensor.type, kind = tb.TYPES[dtype]
    made.buffers[tensor.buffer].data = np.full(list(tensor.shape), value, kind).tobytes()
    return tb.pack(made)


_CONV, _DENSE = as_int16(tb.conv_2d()), as_int16(tb.fully_connected())

BROKEN: list[tuple[Callable, str, bytes, str]] = [
    (c.is_quantized, "int16", _edited(as_int16(tb.relu()), _zero_point(0, 1)), "zero point 1"),
    (w.keeps_one_type, "relu", _edited(as_int16(tb.relu()), _typed(1, "int8")), "int16 and int8"),
    (w.keeps_one_type, "add", _edited(tb.add(b_q=(0.03, 0)), _typed(1, "int16")), "int16 and int8"),
    (w.has_fitting_types, "int32 bias", _with_bias(_CONV, "int32"), "int32 for tensor 2"),
    (w.has_fitting_types, "int64 bias", _with_bias(tb.conv_2d(), "int64"), "int64 for tensor 2"),
    (w.has_fitting_types, "int4", _int4_weights(), "int4"),
    (
        w.has_fitting_types,
        "sums of 32 bits",
        _without_bias(_DENSE, quantizedBiasType=tb.TYPES["int32"][0]),
        "a bias type of int32",
    ),
    (
        w.has_moderate_wide_rescaling,
        "weights",
        as_int16(tb.conv_2d(output_q=(1e-6, 0), weight_scale=0.02)),
        "312.5",
    ),
    (
        w.has_moderate_wide_rescaling,
        "quantize",
        tb.quantize(dtype="int16", input_q=(1.0, 0), output_q=(1e-5, 0), output_dtype="int16"),
        "100000",
    ),
    (
        w.has_moderate_wide_rescaling,
        "quantize to int32",
        tb.quantize(input_q=(1.0, 0), output_q=(1e-5, 0), output_dtype="int32"),
        "100000",
    ),
    (
        c.is_quantized,
        "int32",
        tb.quantize(output_q=(0.1, 3), output_dtype="int32"),
        "zero point 3",
    ),
    (c.is_quantized, "shares", _edited(tb.relu(), _shares_in), "zero point -32768"),
    (
        plain.has_probability_output,
        "softmax of int8",
        _edited(tb.softmax(), _typed(1, "int16")),
        "zero point -128",
    ),
    (w.has_bounded_wide_sums, "bias", _with_bias(_CONV, "int64", -(2**63)), "9223372036"),
    (w.has_usable_wide_beta, "scale", as_int16(tb.softmax(input_q=(5.1 * 256, 0))), "5.1"),
]
