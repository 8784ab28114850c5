"""Prepared integers of int8 operators with one input: a table of the results of all 256 values.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.fixedpoint_wide import INT16_MAX, INT16_MIN, reduced_multiplier
from convert.graph import Graph, LeakyRelu, Op, Tensor
from convert.params import QuantizeParams, TableParams
from convert.prepare_checks import (
    INT8_MAX,
    INT8_MIN,
    multiplier_of,
    need,
    quant_of,
    rounded_quotient,
    same_quant,
    same_size,
    where,
)

_ALL_INT8 = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)
LOGISTIC_OUTPUT = (1 / 256, -128)  # scale and zero point
TANH_OUTPUT = (1 / 128, 0)
_SMALLEST = 2.0**-126  # a float32 whose inverse is finite


def _table(source: Tensor, values: NDArray[np.integer]) -> TableParams:
    """A table of 256 outputs, clamped to int8."""
    clamped = np.clip(values.astype(np.int64), INT8_MIN, INT8_MAX)
    return TableParams(size=source.size, table=tuple(int(v) for v in clamped))


def _ends(graph: Graph, op: Op) -> tuple[Tensor, tuple[np.float32, int], tuple[np.float32, int]]:
    """The input, and scale and zero point of the input and of the output."""
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    return source, quant_of(op, source), quant_of(op, output)


def prepare_relu(graph: Graph, op: Op) -> TableParams:
    """RELU. Source: TFLM micro/kernels/activations_common.cc, `CalculateReluOpData`.

    The source forms the quotient of the scales in float32; the pinned wheel has it in double, as
    tests/simulate/test_last_bits.py shows, and the wheel is what we follow.
    """
    source, (scale, zero_point), (output_scale, output_zero) = _ends(graph, op)
    pair = multiplier_of(op, float(scale) / float(output_scale))
    scaled = fp.multiply_by_quantized_multiplier(_ALL_INT8 - zero_point, *pair)
    return _table(source, np.maximum(scaled.astype(np.int64) + output_zero, output_zero))


def prepare_relu6(graph: Graph, op: Op) -> TableParams:
    """RELU6: clamps only; the output's scale is taken to be the input's.

    Source: TFLM micro/kernels/activations_common.cc, `Relu6Prepare`; it does not look at the
    output's scale at all, so a model where they differ is refused here.
    """
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    same_quant(op, source, output)
    scale, zero_point = quant_of(op, source)
    six = rounded_quotient(op, 6.0, scale) + zero_point
    return _table(source, np.clip(_ALL_INT8, zero_point, max(min(six, INT8_MAX), zero_point)))


def prepare_abs(graph: Graph, op: Op) -> TableParams:
    """ABS. Source: TFLM micro/kernels/elementwise.cc, `AbsEvalQuantized`.

    The source forms the quotient of the scales in float32; the pinned wheel has it in double, as
    tests/simulate/test_last_bits.py shows, and the wheel is what we follow.
    """
    source, (scale, zero_point), (output_scale, output_zero) = _ends(graph, op)
    found = np.abs(_ALL_INT8 - zero_point)
    if scale != output_scale:
        pair = multiplier_of(op, float(scale) / float(output_scale))
        found = fp.multiply_by_quantized_multiplier(found, *pair).astype(np.int64)
    return _table(source, found + output_zero)


def prepare_elu(graph: Graph, op: Op) -> TableParams:
    """ELU: exp(x) - 1 below 0, all in float32. Source: TFLM micro/kernels/elu.cc.

    The exponential is the correctly rounded one; a libm may give its neighbour.
    """
    source, (scale, zero_point), (output_scale, output_zero) = _ends(graph, op)
    if not output_scale > max(_SMALLEST, float(scale) / 2**22):
        raise ModelError(
            f"{where(op)} must have an output scale above 2^-126 and 2^-22 times the input's. "
            f"Received: {output_scale!s} and {scale!s}."
        )
    one = np.float32
    real = scale * (_ALL_INT8 - zero_point).astype(one)
    below = np.exp(np.minimum(real, 0).astype(np.float64)).astype(one) - one(1)
    scaled = np.where(real < 0, below, real).astype(one) * (one(1) / output_scale)
    rounded = np.trunc(scaled + np.copysign(0.5, scaled.astype(np.float64)))
    return _table(source, (rounded + output_zero).astype(np.int64))


def _argument(op: Op, scale: np.float32, zero_point: int) -> tuple[NDArray[np.int64], int]:
    """Every value in Q4.27, and the radius in values beyond which a sigmoid is constant.

    x - zero_point rescaled to 27 fractional bits; the radius is about 15. Source: TFLM
    micro/kernels/logistic_common.cc, tanh.cc; kernels/internal/quantization_util.cc,
    `CalculateInputRadius`.
    """
    real = float(scale) * (1 << 27)
    if not 1 <= real < 2.0**30:
        raise ModelError(
            f"{where(op)} must have an input scale from 2^-27 to 8. Received: {scale!s}."
        )
    multiplier, shift = fp.quantize_multiplier(real)
    radius = math.floor(1.0 * 15 * (1 << 27) / (1 << shift))
    x = _ALL_INT8 - zero_point
    inside = np.clip(x, 1 - radius, radius - 1) if radius > 0 else np.zeros_like(x)
    scaled = fp.multiply_by_quantized_multiplier(inside, multiplier, shift)
    return scaled.astype(np.int64), radius


def _sigmoid_like(
    graph: Graph, op: Op, expected: tuple[float, int], bits: int, function: Callable[..., Any]
) -> TableParams:
    """LOGISTIC and TANH: gemmlowp's function of Q4.27, rounded to `bits` fractional bits."""
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    output_scale, output_zero = quant_of(op, output)
    if (float(output_scale), output_zero) != expected:
        raise ModelError(
            f"{where(op)} must have output scale {expected[0]} and zero point {expected[1]}. "
            f"Received: {output_scale!s}, {output_zero}."
        )
    scale, zero_point = quant_of(op, source)
    argument, radius = _argument(op, scale, zero_point)
    found = fp.rounding_divide_by_pot(function(argument, 4), 31 - bits).astype(np.int64)
    x = _ALL_INT8 - zero_point
    found = np.where(x >= radius, INT8_MAX, found + output_zero)
    return _table(source, np.where(x <= -radius, INT8_MIN, found))


def prepare_logistic(graph: Graph, op: Op) -> TableParams:
    """LOGISTIC. Source: TFLM kernels/internal/reference/integer_ops/logistic.h."""
    return _sigmoid_like(graph, op, LOGISTIC_OUTPUT, 8, fp.logistic)


def prepare_tanh(graph: Graph, op: Op) -> TableParams:
    """TANH. Source: TFLM kernels/internal/reference/integer_ops/tanh.h."""
    return _sigmoid_like(graph, op, TANH_OUTPUT, 7, fp.tanh)


def leaky_multipliers(graph: Graph, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """Multiplier and shift of LEAKY_RELU from 0 up, and below 0 (negative where the slope is).

    Source: TFLM micro/kernels/leaky_relu_common.cc, `CalculateOpDataLeakyRelu`.
    """
    assert isinstance(op.options, LeakyRelu)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    same_size(op, source, output)
    scale, output_scale = quant_of(op, source)[0], quant_of(op, output)[0]
    alpha = float(np.float32(op.options.alpha))
    if not math.isfinite(alpha):
        raise ModelError(f"{where(op)} must have a finite slope. Received: {alpha}.")
    multiplier, shift = multiplier_of(op, float(scale) * abs(alpha) / float(output_scale))
    identity = multiplier_of(op, float(scale) / float(output_scale))
    return identity, (-multiplier if alpha < 0 else multiplier, shift)


def prepare_leaky_relu(graph: Graph, op: Op) -> TableParams:
    """LEAKY_RELU. Source: TFLM kernels/internal/reference/leaky_relu.h, `QuantizeLeakyRelu`."""
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    identity, (multiplier, shift) = leaky_multipliers(graph, op)
    x = _ALL_INT8 - quant_of(op, source)[1]
    above = fp.multiply_by_quantized_multiplier(x, *identity).astype(np.int64)
    below = fp.multiply_by_quantized_multiplier(x, abs(multiplier), shift).astype(np.int64)
    below = -below if multiplier < 0 else below
    return _table(source, np.where(x >= 0, above, below) + quant_of(op, output)[1])


def prepare_hard_swish(graph: Graph, op: Op) -> TableParams:
    """HARD_SWISH: x * clamp(x + 3, 0, 6) / 6 in 16-bit arithmetic.

    With h = 128 * (x - zero_point), the product of h on the output's scale and of (h / 3 + 1) / 2,
    saturated to [0, 1], both Q0.15. Source: TFLM micro/kernels/hard_swish_common.cc;
    kernels/internal/reference/hard_swish.h.
    """
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    (scale, zero_point), (output_scale, output_zero) = quant_of(op, source), quant_of(op, output)
    hires = float(scale) / 128
    multiplier, shift = multiplier_of(op, hires / float(output_scale))
    inner_multiplier, inner_shift = multiplier_of(op, hires / (3 / 32768))
    if not (-15 <= shift <= 0 and -15 <= inner_shift <= 15):
        raise ModelError(
            f"{where(op)} must have an input scale from 2^-20 to 2^8, at most 127 times and at "
            f"least 2^-7 times the output's. Received: {scale!s} and {output_scale!s}."
        )
    x = (_ALL_INT8 - zero_point) * 128
    scaled = _high_product(x, int(reduced_multiplier(multiplier)))
    inner = x
    if inner_shift > 0:
        inner = _saturated(inner << (inner_shift - 1))
    inner = _high_product(inner, int(reduced_multiplier(inner_multiplier)))
    if inner_shift > 0:
        inner = _saturated(inner << 1)
    inner = fp.rounding_divide_by_pot(inner, max(-inner_shift, 0)).astype(np.int64)
    inner = (inner + (1 << 15)) >> 1
    product = inner * scaled
    product = np.sign(product) * (np.abs(product) >> 15)  # truncated towards zero
    found = fp.rounding_divide_by_pot(product, -shift).astype(np.int64)
    return _table(source, found + output_zero)


def _saturated(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(x, INT16_MIN, INT16_MAX)


def _high_product(x: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
    """The product of Q0.15 numbers to the nearest, halves upwards; the factor is positive.

    Source: gemmlowp, `SaturatingRoundingDoublingHighMul(int16, int16)`, the truncated division
    written as a shift as in `fixedpoint.saturating_rounding_doubling_high_mul`.
    """
    return (x * factor + (1 << 14)) >> 15


def prepare_quantize(graph: Graph, op: Op) -> QuantizeParams | TableParams:
    """QUANTIZE from float32, or between int8 and uint8 (at the edges of a model).

    Source: TFLM micro/kernels/quantize_common.cc and kernels/internal/reference/requantize.h. With
    equal scales and zero points 128 apart the latter flips the highest bit, which is what the
    general way gives, too.
    """
    source = need(graph, op, op.inputs[0], None)
    output = need(graph, op, op.outputs[0], None)
    same_size(op, source, output)
    output_scale, output_zero = quant_of(op, output)
    if source.dtype == "float32":
        need(graph, op, op.outputs[0], "int8")
        return QuantizeParams(size=source.size, scale=float(output_scale), zero_point=output_zero)
    if {source.dtype, output.dtype} - {"int8", "uint8"}:
        raise UnsupportedModelError(
            f"{where(op)} must read float32, int8 or uint8 and write int8 or uint8. Received: "
            f"{source.dtype} to {output.dtype}."
        )
    scale, zero_point = quant_of(op, source)
    pair = multiplier_of(op, float(scale) / float(output_scale))
    # The table's index is the stored byte read as int8, and so are its entries.
    values = _ALL_INT8 % 256 if source.dtype == "uint8" else _ALL_INT8
    low = 0 if output.dtype == "uint8" else INT8_MIN
    scaled = fp.multiply_by_quantized_multiplier(values - zero_point, *pair)
    moved = np.clip(scaled.astype(np.int64) + output_zero, low, low + 255)
    return _table(source, moved.astype(np.uint8).view(np.int8))
