"""Prepared integers of the operators without weights: sums, tables, softmax, copies.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import ITEM_BYTES, Add, Concatenation, Graph, Op, Softmax, Tensor
from convert.params import (
    AddParams,
    ConcatenationParams,
    DequantizeParams,
    MeanParams,
    PadParams,
    QuantizeParams,
    ReshapeParams,
    SoftmaxParams,
    TableParams,
)
from convert.prepare_checks import (
    INT8_MAX,
    INT8_MIN,
    activation_range,
    multiplier_of,
    need,
    need_values,
    quant_of,
    rounded_quotient,
    same_quant,
    same_size,
    where,
)

_ALL_INT8 = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def prepare_mean(graph: Graph, op: Op) -> MeanParams:
    """MEAN. Source: TFLM micro/kernels/reduce_common.cc and kernels/internal/reference/reduce.h.

    `QuantizedMeanOrSum` folds 1 / count into the multiplier: multiplier * 2^s / count truncated,
    with s = floor(log2(count)), at most 32 and at most 31 + shift; the shift drops by s.
    """
    source, output = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    axis = need(graph, op, op.inputs[1], "int32")
    if axis.data is None:
        raise UnsupportedModelError(
            f"{where(op)} must have constant axes. Received: computed ones."
        )
    rank = len(source.shape)
    values = [int(a) for a in axis.data.reshape(-1)]
    if any(not -rank <= a < rank for a in values):
        raise ModelError(f"{where(op)} must have axes below {rank}. Received: {values}.")
    axes = tuple(sorted({a % rank for a in values}))
    count = math.prod(source.shape[a] for a in axes)
    if output.size * count != source.size:
        raise ModelError(
            f"{where(op)} must have one output per mean of {count} values. Received: "
            f"{source.shape} to {output.shape}."
        )
    scale, zero_point = quant_of(op, source)
    output_scale, output_zero = quant_of(op, output)
    multiplier, shift = multiplier_of(op, float(scale) / float(output_scale))
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return MeanParams(
        input_shape=source.shape,
        output_shape=output.shape,
        axes=axes,
        count=count,
        sum_offset=-zero_point * count,
        output_offset=output_zero,
        multiplier=(multiplier << bits) // count,
        shift=shift - bits,
    )


def prepare_softmax(graph: Graph, op: Op) -> SoftmaxParams:
    """SOFTMAX. Source: TFLM micro/kernels/softmax_common.cc, `CalculateSoftmaxParams`.

    multiplier and shift of min(beta * input scale * 2^26, 2^31 - 1); diff_min =
    -floor(31 * 2^26 / 2^shift) (kernels/internal/quantization_util.cc, `PreprocessSoftmaxScaling`,
    `CalculateInputRadius`).
    """
    assert isinstance(op.options, Softmax)
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    output_scale, output_zero = quant_of(op, output)
    if float(output_scale) != 1 / 256 or output_zero != INT8_MIN:
        raise ModelError(
            f"{where(op)} must have output scale 1/256 and zero point -128. Received: "
            f"{output_scale!s}, {output_zero}."
        )
    beta = float(np.float32(op.options.beta))
    real = min(beta * float(quant_of(op, source)[0]) * (1 << 26), 2.0**31 - 1)
    if not real > 1:
        raise ModelError(
            f"{where(op)} must have beta * input scale above 2^-26. Received: {real / 2**26}."
        )
    multiplier, shift = fp.quantize_multiplier(real)
    diff_min = -math.floor(1.0 * 31 * (1 << 26) / (1 << shift))
    differences = -np.arange(256, dtype=np.int64)
    scaled = fp.multiply_by_quantized_multiplier(
        np.maximum(differences, diff_min), multiplier, shift
    )
    table = np.where(differences >= diff_min, fp.exp_on_negative_values(scaled, 5), 0)
    depth = source.shape[-1] if source.shape else 1
    if depth > 511:  # the last shift passes 31 bits once the exponentials add up to 512
        raise UnsupportedModelError(f"{where(op)} must have up to 511 classes. Received: {depth}.")
    return SoftmaxParams(
        rows=source.size // depth,
        depth=depth,
        multiplier=multiplier,
        shift=shift,
        diff_min=diff_min,
        exp_table=tuple(int(v) for v in table),
    )


def prepare_add(graph: Graph, op: Op) -> AddParams:
    """ADD. Source: TFLM micro/kernels/add_common.cc, `CalculateOpDataAdd`.

    With t = 2 * max(scale1, scale2): input multipliers scale_i / t, output multiplier
    t / (2^20 * output scale), all in double; 2^15 with int16 values.
    """
    assert isinstance(op.options, Add)
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
    (left_scale, left_zero), (right_scale, right_zero) = quant_of(op, left), quant_of(op, right)
    output_scale, output_zero = quant_of(op, output)
    left_shift = 15 if output.dtype == "int16" else 20
    twice_max = 2 * float(max(left_scale, right_scale))
    real_output = twice_max / ((1 << left_shift) * float(output_scale))
    if real_output >= 1:
        raise ModelError(
            f"{where(op)} must have an output scale above 2^-{left_shift - 1} of its inputs'. "
            f"Received: {output_scale!s} for {max(left_scale, right_scale)!s}."
        )
    left_pair = multiplier_of(op, float(left_scale) / twice_max)
    right_pair = multiplier_of(op, float(right_scale) / twice_max)
    output_pair = multiplier_of(op, real_output)
    low, high = activation_range(op, op.options.activation, output)
    return AddParams(
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


def _table(source: Tensor, values: NDArray[np.integer]) -> TableParams:
    """A table of 256 outputs, clamped to int8."""
    clamped = np.clip(values.astype(np.int64), INT8_MIN, INT8_MAX)
    return TableParams(size=source.size, table=tuple(int(v) for v in clamped))


def prepare_relu(graph: Graph, op: Op) -> TableParams:
    """RELU. Source: TFLM micro/kernels/activations_common.cc, `CalculateReluOpData`.

    The source forms the quotient of the scales in float32; the pinned wheel has it in double, as
    tests/simulate/test_last_bits.py shows, and the wheel is what we follow.
    """
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    scale, zero_point = quant_of(op, source)
    output_scale, output_zero = quant_of(op, output)
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


def prepare_logistic(graph: Graph, op: Op) -> TableParams:
    """LOGISTIC. Source: TFLM micro/kernels/logistic_common.cc and integer_ops/logistic.h.

    x - zero_point rescaled to Q4.27, gemmlowp's logistic, rounded to 8 fractional bits; at and
    beyond the radius of about 15 the result is -128 or 127.
    """
    source, output = need(graph, op, op.inputs[0]), need(graph, op, op.outputs[0])
    same_size(op, source, output)
    output_scale, output_zero = quant_of(op, output)
    if float(output_scale) != 1 / 256 or output_zero != INT8_MIN:
        raise ModelError(
            f"{where(op)} must have output scale 1/256 and zero point -128. Received: "
            f"{output_scale!s}, {output_zero}."
        )
    scale, zero_point = quant_of(op, source)
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
    value = fp.rounding_divide_by_pot(fp.logistic(scaled, 4), 23).astype(np.int64) + INT8_MIN
    value = np.where(x >= radius, INT8_MAX, value)
    return _table(source, np.where(x <= -radius, INT8_MIN, value))


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


def prepare_dequantize(graph: Graph, op: Op) -> DequantizeParams:
    """DEQUANTIZE. Source: TFLM micro/kernels/dequantize_common.cc."""
    source = need(graph, op, op.inputs[0])
    same_size(op, source, need(graph, op, op.outputs[0], "float32"))
    scale, zero_point = quant_of(op, source)
    return DequantizeParams(size=source.size, scale=float(scale), zero_point=zero_point)


def prepare_pad(graph: Graph, op: Op) -> PadParams:
    """PAD (with the output's zero point) and PADV2. Source: TFLM micro/kernels/pad_common.cc."""
    source, output = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    amounts = need(graph, op, op.inputs[1], None)
    if amounts.data is None:
        raise UnsupportedModelError(f"{where(op)} must have constant paddings. Received: computed.")
    if amounts.dtype != "int32":
        raise UnsupportedModelError(
            f"{where(op)} must have int32 paddings. Received: {amounts.dtype}."
        )
    flat = [int(v) for v in amounts.data.reshape(-1)]
    pairs = list(zip(flat[::2], flat[1::2], strict=False))
    expected = tuple(a + s + b for s, (a, b) in zip(source.shape, pairs, strict=False))
    if len(flat) != 2 * len(source.shape) or min(flat) < 0 or expected != output.shape:
        raise ModelError(
            f"{where(op)} must have paddings of at least 0 that give its output {output.shape}. "
            f"Received: {pairs} for {source.shape}."
        )
    value = quant_of(op, output)[1]
    if len(op.inputs) > 2 and op.inputs[2] != -1:
        constant = need(graph, op, op.inputs[2])
        if constant.data is None or constant.size != 1:
            raise UnsupportedModelError(
                f"{where(op)} must pad with a constant. Received: computed."
            )
        same_quant(op, constant, output)
        value = int(constant.data.reshape(-1)[0])
    return PadParams(
        input_shape=source.shape,
        output_shape=output.shape,
        before=tuple(p[0] for p in pairs),
        after=tuple(p[1] for p in pairs),
        value=value,
    )


def prepare_reshape(graph: Graph, op: Op) -> ReshapeParams:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: a copy. Source: TFLM micro/kernels/reshape.cc."""
    source = need(graph, op, op.inputs[0], None)
    output = need(graph, op, op.outputs[0], source.dtype)
    if source.size != output.size or source.dtype not in ITEM_BYTES:
        raise ModelError(
            f"{where(op)} must keep the number of elements. Received: {source.shape} to "
            f"{output.shape} ({source.dtype})."
        )
    return ReshapeParams(nbytes=source.size * ITEM_BYTES[source.dtype])


def prepare_concatenation(graph: Graph, op: Op) -> ConcatenationParams:
    """CONCATENATION. Source: TFLM micro/kernels/concatenation.cc; no rescaling for int8."""
    assert isinstance(op.options, Concatenation)
    output = need_values(graph, op, op.outputs[0])
    sources = [need_values(graph, op, index) for index in op.inputs]
    rank = len(output.shape)
    if op.options.activation != "none" or not -rank <= op.options.axis < rank:
        raise UnsupportedModelError(
            f"{where(op)} must have no fused activation and an axis below {rank}. Received: "
            f"{op.options.activation}, axis {op.options.axis}."
        )
    axis = op.options.axis % rank
    for source in sources:
        same_quant(op, source, output)
    around = [(*s.shape[:axis], *s.shape[axis + 1 :]) for s in (*sources, output)]
    if len(set(around)) != 1 or sum(s.shape[axis] for s in sources) != output.shape[axis]:
        raise ModelError(
            f"{where(op)} must have inputs that fill its output {output.shape} along axis {axis}. "
            f"Received: {[s.shape for s in sources]}."
        )
    inner = math.prod(output.shape[axis + 1 :])
    return ConcatenationParams(
        axis=axis,
        outer=math.prod(output.shape[:axis]),
        runs=tuple(s.shape[axis] * inner for s in sources),
    )
