"""Prepared integers of the operators without weights: means, softmax, copies.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math

import numpy as np

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import ITEM_BYTES, Concatenation, Graph, Op, Pack, Softmax, Tensor
from convert.params import (
    ConcatenationParams,
    CopyParams,
    DequantizeParams,
    MeanParams,
    PadParams,
    ReduceExtremeParams,
    ReshapeParams,
    SoftmaxParams,
)
from convert.prepare_checks import (
    multiplier_of,
    need,
    need_values,
    quant_of,
    same_quant,
    same_size,
    where,
)
from convert.views import view_of


def _reduced(graph: Graph, op: Op) -> tuple[Tensor, Tensor, tuple[int, ...], int]:
    """Input, output, sorted axes of 0 and more, and how many values go into one.

    Raises:
        UnsupportedModelError: the axes are computed.
        ModelError: axes or the output's size do not fit the input.
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
    return source, output, axes, count


def prepare_mean(graph: Graph, op: Op) -> MeanParams:
    """MEAN. Source: TFLM micro/kernels/reduce_common.cc and kernels/internal/reference/reduce.h.

    `QuantizedMeanOrSum` folds 1 / count into the multiplier: multiplier * 2^s / count truncated,
    with s = floor(log2(count)), at most 32 and at most 31 + shift; the shift drops by s.
    """
    source, output, axes, count = _reduced(graph, op)
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


def prepare_sum(graph: Graph, op: Op) -> MeanParams:
    """SUM: as MEAN, without 1 / count. Source: as of `prepare_mean`."""
    source, output, axes, count = _reduced(graph, op)
    scale, zero_point = quant_of(op, source)
    output_scale, output_zero = quant_of(op, output)
    multiplier, shift = multiplier_of(op, float(scale) / float(output_scale))
    if 255 * count << max(shift, 0) >= 1 << 31:
        raise ModelError(
            f"{where(op)} must have sums within int32 on the output's scale. Received: {count} "
            f"values, scaled by 2^{shift}."
        )
    return MeanParams(
        input_shape=source.shape,
        output_shape=output.shape,
        axes=axes,
        count=count,
        sum_offset=-zero_point * count,
        output_offset=output_zero,
        multiplier=multiplier,
        shift=shift,
    )


def prepare_reduce_extreme(graph: Graph, op: Op) -> ReduceExtremeParams:
    """REDUCE_MAX, REDUCE_MIN. Source: TFLM micro/kernels/reduce_common.cc, `EvalMinMaxHelper`."""
    source, output, axes, _ = _reduced(graph, op)
    same_quant(op, source, output)
    return ReduceExtremeParams(source.shape, output.shape, axes, op.kind == "REDUCE_MAX")


def prepare_softmax(graph: Graph, op: Op) -> SoftmaxParams:
    """SOFTMAX. Source: TFLM micro/kernels/softmax_common.cc, `CalculateSoftmaxParams`.

    multiplier and shift of min(beta * input scale * 2^26, 2^31 - 1); diff_min =
    -floor(31 * 2^26 / 2^shift) (kernels/internal/quantization_util.cc, `PreprocessSoftmaxScaling`,
    `CalculateInputRadius`).
    """
    assert isinstance(op.options, Softmax)
    source, output = need(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    same_size(op, source, output)
    output_scale, output_zero = quant_of(op, output)
    bits, tolerance = (16, 1e-3) if output.dtype == "int16" else (8, 0.0)
    if abs(float(output_scale) * 2**bits - 1) > tolerance or output_zero != -(2 ** (bits - 1)):
        raise ModelError(
            f"{where(op)} must have output scale 1/256 and zero point -128 (int16: 1/65536 and "
            f"-32768). Received: {output_scale!s}, {output_zero}."
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
        bits=bits,
    )


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
    """RESHAPE, SQUEEZE, EXPAND_DIMS, and variables: a copy.

    Source: TFLM micro/kernels/reshape.cc, micro/micro_resource_variable.cc.
    """
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


def prepare_pack(graph: Graph, op: Op) -> ConcatenationParams:
    """PACK, a CONCATENATION along a new dimension. Source: TFLM micro/kernels/pack.cc."""
    assert isinstance(op.options, Pack)
    output = need_values(graph, op, op.outputs[0])
    sources = [need_values(graph, op, index) for index in op.inputs]
    rank = len(output.shape)
    axis = op.options.axis % rank if -rank <= op.options.axis < rank else -1
    for source in sources:
        same_quant(op, source, output)
    single = (*output.shape[:axis], *output.shape[axis + 1 :])
    if axis < 0 or any(s.shape != single for s in sources) or output.shape[axis] != len(sources):
        raise ModelError(
            f"{where(op)} must join its inputs along a new axis to {output.shape}. Received: "
            f"{[s.shape for s in sources]}, axis {op.options.axis}."
        )
    inner = math.prod(output.shape[axis + 1 :])
    return ConcatenationParams(
        axis=axis, outer=math.prod(output.shape[:axis]), runs=(inner,) * len(sources)
    )


def prepare_copy(graph: Graph, op: Op) -> CopyParams:
    """What `convert.views` says, in few dimensions and long runs."""
    source = need_values(graph, op, op.inputs[0])
    output = need(graph, op, op.outputs[0], source.dtype)
    same_quant(op, source, output)
    view = view_of(graph, op)
    if isinstance(view, str):
        raise UnsupportedModelError(f"{where(op)} must take a fixed part. Received: {view}.")
    view = view.merged()
    run = view.shape[-1] if view.stride[-1] == 1 else 1
    kept = slice(None, -1 if view.stride[-1] == 1 else None)
    return CopyParams(
        shape=view.shape[kept],
        stride=view.stride[kept],
        offset=view.offset,
        run=run,
        item=ITEM_BYTES[source.dtype],
    )
