"""Prepared integers of operators on int16 values ("int16x8": int16 activations, int8 weights).

Most operators start from the same numbers as with int8 and share their functions; those that do
not are here. "TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert import prepare_binary as binary
from convert import prepare_plain as plain
from convert import prepare_weighted as weighted
from convert.errors import ModelError, UnsupportedModelError
from convert.fixedpoint_wide import INT16_MAX, INT16_MIN
from convert.gate_tables import factors
from convert.graph import Conv2D, DType, FullyConnected, Graph, Op, Softmax
from convert.params import (
    Params,
    RescaleParams,
    WideLeakyReluParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)
from convert.prepare_checks import (
    INT8_MAX,
    INT8_MIN,
    multiplier_of,
    need,
    need_values,
    quant_of,
    same_size,
    where,
)
from convert.prepare_tables import leaky_multipliers

UNIT_TOLERANCE = 1e-4  # TFLite Micro allows 0.0007
LARGEST_SHIFT = 7  # of 64-bit sums; `multiply_wide_by_quantized_multiplier` takes no more
_LIMITS: dict[DType, tuple[int, int]] = {
    "int8": (INT8_MIN, INT8_MAX),
    "int16": (INT16_MIN, INT16_MAX),
    "int32": (-(2**31), 2**31 - 1),
}


def is_wide(graph: Graph, op: Op) -> bool:
    """Whether it reads or writes int16 values (an LSTM's state does not count), or int32 ones."""
    ends = (*op.values, *op.outputs)
    return any(i != -1 and graph.tensors[i].dtype in ("int16", "int32") for i in ends)


def prepare_wide(graph: Graph, op: Op) -> Params:
    """The integers of one operator on int16 values.

    Raises:
        UnsupportedModelError: the operator or its types are not among those of this module.
        ModelError: scales or shapes break a rule that TFLite Micro checks or relies on.
    """
    prepare = _PREPARE.get(op.kind)
    if prepare is None:
        raise UnsupportedModelError(
            f"{where(op)} must be one of {', '.join(sorted(_PREPARE))} with int16 values. "
            f"Received: {op.kind}."
        )
    if op.kind == "SOFTMAX" and graph.tensors[op.inputs[0]].dtype == "int8":
        return plain.prepare_softmax(graph, op)
    if op.kind != "QUANTIZE":
        for index in (*op.values, op.outputs[0]):
            need(graph, op, index, "int16")
    return prepare(graph, op)


def _weighted(function: Callable[[Graph, Op], Params]) -> Callable[[Graph, Op], Params]:
    """A preparation followed by what 64-bit sums ask for."""

    def prepare(graph: Graph, op: Op) -> Params:
        need(graph, op, op.inputs[1], "int8")
        if getattr(op.options, "int32_sums", False) and isinstance(
            op.options, Conv2D | FullyConnected
        ):
            raise UnsupportedModelError(
                f"{where(op)} must have biases of 64 bits with int16 values. Received: 32 bits."
            )
        params = function(graph, op)
        shifts: tuple[int, ...] = getattr(params, "shift", ())
        if max(shifts) > LARGEST_SHIFT:
            raise ModelError(
                f"{where(op)} must rescale by less than 2^{LARGEST_SHIFT} with int16 values. "
                f"Received: 2^{max(shifts)}."
            )
        return params

    return prepare


def _rescale(graph: Graph, op: Op) -> RescaleParams:
    """QUANTIZE and RELU: mbqm with the quotient of the scales, zero points, a clamp.

    Source: TFLM micro/kernels/quantize_common.cc and kernels/internal/reference/requantize.h;
    micro/kernels/activations_common.cc, `CalculateReluOpData`.
    """
    source = need_values(graph, op, op.inputs[0])
    output = need(graph, op, op.outputs[0], tuple(_LIMITS))
    same_size(op, source, output)
    scale, zero_point = quant_of(op, source)
    output_scale, output_zero = quant_of(op, output)
    multiplier, shift = multiplier_of(op, float(scale) / float(output_scale))
    if shift > 15:
        raise ModelError(f"{where(op)} must rescale by less than 2^15 here. Received: 2^{shift}.")
    low, high = _LIMITS[output.dtype]
    return RescaleParams(
        size=source.size,
        types=(source.dtype, output.dtype),
        input_offset=-zero_point,
        multiplier=multiplier,
        shift=shift,
        output_offset=output_zero,
        low=0 if op.kind == "RELU" else low,
        high=high,
    )


def _softmax(graph: Graph, op: Op) -> WideSoftmaxParams:
    """SOFTMAX. Source: TFLM micro/kernels/softmax_common.cc, `CalculateSoftmaxParams`.

    The factor beta * input scale / (10 / 65535) makes a difference of 10 one of 65535.
    """
    assert isinstance(op.options, Softmax)
    source, output = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    same_size(op, source, output)
    output_scale = float(quant_of(op, output)[0])
    if abs(output_scale - 1 / 32768) > 0.001 / 32768:
        raise ModelError(f"{where(op)} must have output scale 1/32768. Received: {output_scale:g}.")
    zeros = quant_of(op, source)[1], quant_of(op, output)[1]
    if any(zeros):
        raise ModelError(f"{where(op)} must have zero points of 0. Received: {zeros}.")
    beta = float(np.float32(op.options.beta))
    real = float(quant_of(op, source)[0]) * beta / (10.0 / 65535.0)
    if not 0 < real < 2.0**15:  # a difference of 65535 then stays within int32
        raise ModelError(
            f"{where(op)} must have beta * input scale above 0 and below 5. "
            f"Received: {real * 10 / 65535:g}."
        )
    multiplier, shift = multiplier_of(op, real)
    depth = source.shape[-1] if source.shape else 1
    if depth > 511:
        raise UnsupportedModelError(f"{where(op)} must have up to 511 classes. Received: {depth}.")
    return WideSoftmaxParams(source.size // depth, depth, multiplier, shift)


def _sigmoid(graph: Graph, op: Op) -> WideSigmoidParams:
    """LOGISTIC and TANH; `gate_tables.factors` names the source."""
    source, output = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    same_size(op, source, output)
    scale, output_scale = float(quant_of(op, source)[0]), float(quant_of(op, output)[0])
    if abs(output_scale * 32768 - 1) > UNIT_TOLERANCE or not 2**-27 <= scale < 2:
        raise ModelError(
            f"{where(op)} must have an output scale of 1/32768 and an input scale from 2^-27 "
            f"to 2. Received: {output_scale:g} and {scale:g}."
        )
    hyperbolic = op.kind == "TANH"
    return WideSigmoidParams(source.size, hyperbolic, *factors(scale, hyperbolic=hyperbolic))


def _leaky_relu(graph: Graph, op: Op) -> WideLeakyReluParams:
    """LEAKY_RELU. Source: TFLM kernels/internal/reference/leaky_relu.h, `QuantizeLeakyRelu`."""
    identity, (multiplier, shift) = leaky_multipliers(graph, op)
    if max(identity[1], shift) > 15:
        raise ModelError(
            f"{where(op)} must rescale by less than 2^15 with int16 values. Received: "
            f"2^{max(identity[1], shift)}."
        )
    size = graph.tensors[op.inputs[0]].size
    return WideLeakyReluParams(size, *identity, -1 if multiplier < 0 else 1, abs(multiplier), shift)


_PREPARE: dict[str, Callable[[Graph, Op], Params]] = {
    "ADD": binary.prepare_add,
    "ASSIGN_VARIABLE": plain.prepare_reshape,
    "AVERAGE_POOL_2D": weighted.prepare_pool,
    "CONCATENATION": plain.prepare_concatenation,
    "CONV_2D": _weighted(weighted.prepare_conv),
    "DEPTHWISE_CONV_2D": _weighted(weighted.prepare_depthwise),
    "EXPAND_DIMS": plain.prepare_reshape,
    "FULLY_CONNECTED": _weighted(weighted.prepare_fully_connected),
    "MAXIMUM": binary.prepare_extreme,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _sigmoid,
    "TANH": _sigmoid,
    "MAX_POOL_2D": weighted.prepare_pool,
    "MEAN": plain.prepare_mean,
    "MINIMUM": binary.prepare_extreme,
    "MUL": binary.prepare_mul,
    "PACK": plain.prepare_pack,
    "PAD": plain.prepare_pad,
    "QUANTIZE": _rescale,
    "READ_VARIABLE": plain.prepare_reshape,
    "RELU": _rescale,
    "RESHAPE": plain.prepare_reshape,
    "SLICE": plain.prepare_copy,
    "SOFTMAX": _softmax,
    "SPLIT": plain.prepare_copy,
    "SPLIT_V": plain.prepare_copy,
    "SQUEEZE": plain.prepare_reshape,
    "STRIDED_SLICE": plain.prepare_copy,
    "SUB": binary.prepare_sub,
    "TRANSPOSE": plain.prepare_copy,
    "UNPACK": plain.prepare_copy,
}
