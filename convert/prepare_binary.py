"""Prepared integers of the operators with two inputs: ADD, SUB, MUL, MAXIMUM, ...

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from convert.errors import ModelError
from convert.graph import Activation, Graph, Op, Tensor
from convert.params_binary import (
    AddParams,
    ExtremeParams,
    MulParams,
    PreluParams,
    SquaredDifferenceParams,
    SubParams,
    SumParams,
)
from convert.prepare_checks import (
    activation_range,
    multiplier_of,
    need_values,
    quant_of,
    same_quant,
    where,
)

SQUARE_SHIFT = 7  # of SQUARED_DIFFERENCE, so that a square fits 31 bits
_S = TypeVar("_S", bound=SumParams)
LARGEST_PRODUCT = {"int8": 2.0**15, "int16": 1.0}
"""What the rescaling of a product must stay below, so that no shift to the left overflows."""


def _activation(op: Op) -> Activation:
    activation: Activation = getattr(op.options, "activation", "none")
    return activation


def _shapes(graph: Graph, op: Op) -> tuple[Tensor, Tensor, Tensor]:
    """Both inputs and the output.

    Raises:
        ModelError: the inputs do not broadcast to the output.
    """
    left, right = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.inputs[1])
    output = need_values(graph, op, op.outputs[0])
    try:
        broadcast = np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        broadcast = ()
    if math.prod(broadcast) != output.size:
        raise ModelError(
            f"{where(op)} must have inputs that broadcast to its output {output.shape}. "
            f"Received: {left.shape} and {right.shape}."
        )
    return left, right, output


def _sum(graph: Graph, op: Op, made: type[_S]) -> _S:
    """ADD, SUB and SQUARED_DIFFERENCE.

    With t = 2 * max(scale1, scale2): input multipliers scale_i / t, output multiplier
    t / (2^20 * output scale), all in double; 2^15 with int16 values. SQUARED_DIFFERENCE has
    t^2 / (2^14 * output scale). Source: TFLM micro/kernels/add_common.cc, `CalculateOpDataAdd`;
    sub_common.cc; squared_difference.cc.
    """
    left, right, output = _shapes(graph, op)
    (left_scale, left_zero), (right_scale, right_zero) = quant_of(op, left), quant_of(op, right)
    output_scale, output_zero = quant_of(op, output)
    left_shift = 15 if output.dtype == "int16" else 20
    twice_max = 2 * float(max(left_scale, right_scale))
    real_output = twice_max / ((1 << left_shift) * float(output_scale))
    if made is SquaredDifferenceParams:
        left_shift = SQUARE_SHIFT
        real_output = twice_max**2 / ((1 << 2 * left_shift) * float(output_scale))
    if real_output >= 1:
        raise ModelError(
            f"{where(op)} must have an output scale by which results fit 32 bits. Received: "
            f"{output_scale!s} for {max(left_scale, right_scale)!s}."
        )
    left_pair = multiplier_of(op, float(left_scale) / twice_max)
    right_pair = multiplier_of(op, float(right_scale) / twice_max)
    output_pair = multiplier_of(op, real_output)
    low, high = activation_range(op, _activation(op), output)
    return made(
        input1_shape=left.shape,
        input2_shape=right.shape,
        output_shape=output.shape,
        left_shift=left_shift,
        input1_offset=-left_zero,
        input1_multiplier=left_pair[0],
        input1_shift=left_pair[1],
        input2_offset=-right_zero,
        input2_multiplier=right_pair[0],
        input2_shift=right_pair[1],
        output_offset=output_zero,
        output_multiplier=output_pair[0],
        output_shift=output_pair[1],
        activation_min=low,
        activation_max=high,
    )


def prepare_add(graph: Graph, op: Op) -> AddParams:
    """ADD; see `_sum`."""
    return _sum(graph, op, AddParams)


def prepare_sub(graph: Graph, op: Op) -> SubParams:
    """SUB; see `_sum`."""
    return _sum(graph, op, SubParams)


def prepare_squared_difference(graph: Graph, op: Op) -> SquaredDifferenceParams:
    """SQUARED_DIFFERENCE; see `_sum`."""
    return _sum(graph, op, SquaredDifferenceParams)


def prepare_prelu(graph: Graph, op: Op) -> PreluParams:
    """PRELU. Source: TFLM micro/kernels/prelu_common.cc, `CalculatePreluParams`; in double."""
    source, slope, output = _shapes(graph, op)
    (scale, zero), (slope_scale, slope_zero) = quant_of(op, source), quant_of(op, slope)
    output_scale, output_zero = quant_of(op, output)
    real = float(scale) * float(slope_scale) / float(output_scale)
    if not real < LARGEST_PRODUCT["int8"]:
        raise ModelError(
            f"{where(op)} must rescale products by less than 2^15. Received: {real:g}."
        )
    above = multiplier_of(op, float(scale) / float(output_scale))
    below = multiplier_of(op, real)
    return PreluParams(
        input1_shape=source.shape,
        input2_shape=slope.shape,
        output_shape=output.shape,
        input_offset=-zero,
        slope_offset=-slope_zero,
        output_offset=output_zero,
        above_multiplier=above[0],
        above_shift=above[1],
        below_multiplier=below[0],
        below_shift=below[1],
    )


def prepare_mul(graph: Graph, op: Op) -> MulParams:
    """MUL. Source: TFLM micro/kernels/mul_common.cc, `CalculateOpDataMul`.

    The multiplier is scale1 * scale2 / output scale, in double.
    """
    left, right, output = _shapes(graph, op)
    (left_scale, left_zero), (right_scale, right_zero) = quant_of(op, left), quant_of(op, right)
    output_scale, output_zero = quant_of(op, output)
    real = float(left_scale) * float(right_scale) / float(output_scale)
    limit = LARGEST_PRODUCT[output.dtype]
    if not real < limit:
        raise ModelError(
            f"{where(op)} must rescale products by less than {limit:g}. Received: {real:g}."
        )
    multiplier, shift = multiplier_of(op, real)
    low, high = activation_range(op, _activation(op), output)
    return MulParams(
        input1_shape=left.shape,
        input2_shape=right.shape,
        output_shape=output.shape,
        input1_offset=-left_zero,
        input2_offset=-right_zero,
        output_offset=output_zero,
        multiplier=multiplier,
        shift=shift,
        activation_min=low,
        activation_max=high,
    )


def prepare_extreme(graph: Graph, op: Op) -> ExtremeParams:
    """MAXIMUM and MINIMUM. Source: TFLM micro/kernels/maximum_minimum.cc; no rescaling."""
    left, right, output = _shapes(graph, op)
    same_quant(op, left, output)
    same_quant(op, right, output)
    return ExtremeParams(
        input1_shape=left.shape,
        input2_shape=right.shape,
        output_shape=output.shape,
        largest=op.kind == "MAXIMUM",
    )
