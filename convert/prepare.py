"""From a Graph to the integers that each operator computes with: one set for every back end.

`prepare_op(graph, op)` does what TFLite Micro's Prepare functions do: it turns the scales of a
model into multipliers, shifts, offsets, paddings and tables. The reference interpreter
(`simulate.reference`) and the C emitter (`convert.emit_aot`) both start from these objects, so that
they cannot disagree about a number. Formulas and their sources: docs/SPEC.md, "Rounding contract".
"TFLM" in the docstrings is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import (
    ITEM_BYTES,
    Activation,
    Add,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    Op,
    Padding,
    Pool2D,
    Softmax,
    Tensor,
)
from convert.params import (
    AddParams,
    ConcatenationParams,
    ConvParams,
    DepthwiseConvParams,
    DequantizeParams,
    FullyConnectedParams,
    MeanParams,
    PadParams,
    Params,
    PoolParams,
    QuantizeParams,
    ReshapeParams,
    Shape,
    SoftmaxParams,
    TableParams,
)

__all__ = [
    "AddParams",
    "ConcatenationParams",
    "ConvParams",
    "DepthwiseConvParams",
    "DequantizeParams",
    "FullyConnectedParams",
    "MeanParams",
    "PadParams",
    "Params",
    "PoolParams",
    "QuantizeParams",
    "ReshapeParams",
    "Shape",
    "SoftmaxParams",
    "TableParams",
    "prepare_graph",
    "prepare_op",
]

INT8_MIN, INT8_MAX = -128, 127
_ALL_INT8 = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def _where(op: Op) -> str:
    """How messages name an operator."""
    return f"Operator {op.index} ({op.kind})"


def _tensor(graph: Graph, op: Op, index: int, dtype: DType | None = "int8") -> Tensor:
    """A tensor that must be there and of one type.

    Raises:
        UnsupportedModelError: it is absent or of another type.
    """
    if index == -1:
        raise UnsupportedModelError(
            f"{_where(op)} must have all its inputs. Received: an absent one."
        )
    tensor = graph.tensors[index]
    if dtype is not None and tensor.dtype != dtype:
        raise UnsupportedModelError(
            f"{_where(op)} must use a tensor of type {dtype} here. Received: {tensor.dtype} for "
            f"tensor {index} ({tensor.name}). Convert the model to full int8."
        )
    return tensor


def _quant(op: Op, tensor: Tensor) -> tuple[np.float32, int]:
    """Scale and zero point of a tensor quantized as a whole.

    Raises:
        ModelError: there is none, or the scale is not a positive number.
    """
    quant = tensor.quant
    if quant is None or len(quant.scale) != 1 or not 0 < quant.scale[0] < math.inf:
        received = None if quant is None else quant.scale
        raise ModelError(
            f"{_where(op)} must use tensors quantized with one positive scale. Received: "
            f"{received} for tensor {tensor.index} ({tensor.name})."
        )
    zero_point = quant.zero_point[0] if quant.zero_point else 0
    if not INT8_MIN <= zero_point <= INT8_MAX:
        raise ModelError(
            f"{_where(op)} must use zero points from -128 to 127. Received: {zero_point} for "
            f"tensor {tensor.index} ({tensor.name})."
        )
    return np.float32(quant.scale[0]), zero_point


def _same_quant(op: Op, left: Tensor, right: Tensor, tolerance: float = 0.0) -> None:
    """Check that no rescaling is needed between two tensors.

    Raises:
        ModelError: scales or zero points differ.
    """
    (a, a_zero), (b, b_zero) = _quant(op, left), _quant(op, right)
    if float(abs(a - b)) > tolerance or a_zero != b_zero:
        raise ModelError(
            f"{_where(op)} must have one scale and zero point for inputs and output. "
            f"Received: {a!s}, {a_zero} for {left.name} and {b!s}, {b_zero} for {right.name}."
        )


def _multiplier(op: Op, real: float) -> tuple[int, int]:
    """`fixedpoint.quantize_multiplier`, its complaint turned into a ModelError."""
    try:
        multiplier, shift = fp.quantize_multiplier(real)
    except ValueError as error:
        raise ModelError(f"{_where(op)}: {error}") from None
    if shift > 30:
        raise ModelError(f"{_where(op)} must rescale by less than 2^30. Received: {real}.")
    return multiplier, shift


def _activation_range(op: Op, activation: Activation, output: Tensor) -> tuple[int, int]:
    """Lowest and highest output value, after the fused activation.

    round(bound / scale) in float32, halves away from zero, plus the zero point, within int8.
    Source: TFLM kernels/kernel_util.cc, `CalculateActivationRangeQuantizedImpl`.
    """
    scale, zero_point = _quant(op, output)

    def quantized(bound: float) -> int:
        return zero_point + fp.round_half_away(float(np.float32(bound) / scale))

    if activation not in ("none", "relu", "relu6", "relu_n1_to_1"):
        raise UnsupportedModelError(
            f"{_where(op)} must have no fused activation, RELU, RELU6 or RELU_N1_TO_1. "
            f"Received: {activation}."
        )
    low, high = INT8_MIN, INT8_MAX
    if activation in ("relu", "relu6"):
        low = max(low, quantized(0.0))
    if activation == "relu6":
        high = min(high, quantized(6.0))
    if activation == "relu_n1_to_1":
        low, high = max(low, quantized(-1.0)), min(high, quantized(1.0))
    return low, high


def _pads(
    padding: Padding,
    input_shape: Shape,
    output_shape: Shape,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """Rows above and columns left of the input that a window may reach.

    max((out - 1) * stride + (window - 1) * dilation + 1 - in, 0) / 2, rounded down, where out
    follows from the padding rule. Source: TFLM kernels/padding.h, `ComputePaddingHeightWidth`.
    """
    del output_shape  # TFLM computes the size anew; the reader has checked that they agree
    result = []
    for axis in (0, 1):
        size = input_shape[1 + axis]
        reach = (window[axis] - 1) * dilation[axis] + 1
        if padding == "same":
            out = -(-size // stride[axis])
        else:
            out = (size + stride[axis] - reach) // stride[axis]
        result.append(max((out - 1) * stride[axis] + reach - size, 0) // 2)
    return result[0], result[1]


def _rank4(op: Op, *tensors: Tensor) -> None:
    """Check for four dimensions.

    Raises:
        ModelError: another rank.
    """
    for tensor in tensors:
        if len(tensor.shape) != 4:
            raise ModelError(
                f"{_where(op)} must have tensors of four dimensions. Received: {tensor.shape} for "
                f"{tensor.name}."
            )


def _channel_multipliers(
    op: Op, source: Tensor, weights: Tensor, output: Tensor, channels: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Multiplier and shift per output channel: input scale * filter scale / output scale.

    In double arithmetic from the float32 scales, from left to right. Source: TFLM
    kernels/kernel_util.cc, `PopulateConvolutionQuantizationParams`.

    Raises:
        ModelError: the number of filter scales is neither 1 nor `channels`.
    """
    scales = weights.quant.scale if weights.quant is not None else ()
    if len(scales) not in (1, channels) or not all(0 <= s < math.inf for s in scales):
        raise ModelError(
            f"{_where(op)} must have one filter scale or one per output channel ({channels}). "
            f"Received: {len(scales)}."
        )
    if len(scales) == 1:
        scales = scales * channels
    input_scale = float(_quant(op, source)[0])
    output_scale = float(_quant(op, output)[0])
    pairs = [_multiplier(op, input_scale * scale / output_scale) for scale in scales]
    return tuple(m for m, _ in pairs), tuple(s for _, s in pairs)


def _has_bias(graph: Graph, op: Op, channels: int) -> bool:
    """Whether there is a bias; it must be int32 with one value per channel."""
    if len(op.inputs) < 3 or op.inputs[2] == -1:
        return False
    bias = _tensor(graph, op, op.inputs[2], "int32")
    if bias.size != channels:
        raise ModelError(
            f"{_where(op)} must have one bias per output channel ({channels}). "
            f"Received: {bias.size}."
        )
    return True


def _conv(graph: Graph, op: Op) -> ConvParams:
    """CONV_2D. Source: TFLM micro/kernels/conv_common.cc."""
    assert isinstance(op.options, Conv2D)
    source, weights = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.inputs[1])
    output = _tensor(graph, op, op.outputs[0])
    _rank4(op, source, weights, output)
    channels = weights.shape[0]
    if source.shape[3] % weights.shape[3] or channels % (source.shape[3] // weights.shape[3]):
        raise ModelError(
            f"{_where(op)} must have input channels that its filter divides. Received: "
            f"{source.shape[3]} channels, filter {weights.shape}."
        )
    multiplier, shift = _channel_multipliers(op, source, weights, output, channels)
    low, high = _activation_range(op, op.options.activation, output)
    window = (weights.shape[1], weights.shape[2])
    return ConvParams(
        input_shape=source.shape,
        filter_shape=weights.shape,
        output_shape=output.shape,
        stride=op.options.stride,
        dilation=op.options.dilation,
        padding=_pads(
            op.options.padding,
            source.shape,
            output.shape,
            window,
            op.options.stride,
            op.options.dilation,
        ),
        groups=source.shape[3] // weights.shape[3],
        has_bias=_has_bias(graph, op, channels),
        input_offset=-_quant(op, source)[1],
        output_offset=_quant(op, output)[1],
        activation_min=low,
        activation_max=high,
        multiplier=multiplier,
        shift=shift,
    )


def _depthwise(graph: Graph, op: Op) -> DepthwiseConvParams:
    """DEPTHWISE_CONV_2D. Source: TFLM micro/kernels/depthwise_conv_common.cc."""
    assert isinstance(op.options, DepthwiseConv2D)
    source, weights = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.inputs[1])
    output = _tensor(graph, op, op.outputs[0])
    _rank4(op, source, weights, output)
    channels = weights.shape[3]
    # The kernel trusts the option; a file where it disagrees with the shapes is damaged.
    if channels != source.shape[3] * op.options.multiplier:
        raise ModelError(
            f"{_where(op)} must have input channels * multiplier filters. Received: "
            f"{source.shape[3]} channels, multiplier {op.options.multiplier}, {channels} filters."
        )
    multiplier, shift = _channel_multipliers(op, source, weights, output, channels)
    low, high = _activation_range(op, op.options.activation, output)
    window = (weights.shape[1], weights.shape[2])
    return DepthwiseConvParams(
        input_shape=source.shape,
        filter_shape=weights.shape,
        output_shape=output.shape,
        stride=op.options.stride,
        dilation=op.options.dilation,
        padding=_pads(
            op.options.padding,
            source.shape,
            output.shape,
            window,
            op.options.stride,
            op.options.dilation,
        ),
        depth_multiplier=op.options.multiplier,
        has_bias=_has_bias(graph, op, channels),
        input_offset=-_quant(op, source)[1],
        output_offset=_quant(op, output)[1],
        activation_min=low,
        activation_max=high,
        multiplier=multiplier,
        shift=shift,
    )


def _fully_connected(graph: Graph, op: Op) -> FullyConnectedParams:
    """FULLY_CONNECTED. Source: TFLM micro/kernels/fully_connected_common.cc.

    Per channel the multiplier is as in a convolution. Per tensor the product of input and filter
    scale is rounded to float32 before the division in double (kernels/kernel_util.cc,
    `GetQuantizedConvolutionMultipler`), which can change the last bit of the multiplier.
    """
    assert isinstance(op.options, FullyConnected)
    source, weights = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.inputs[1])
    output = _tensor(graph, op, op.outputs[0])
    depth, units = weights.shape[-1], output.shape[-1] if output.shape else 1
    rows = output.size // units
    if len(weights.shape) != 2 or weights.shape[0] != units or source.size != rows * depth:
        raise ModelError(
            f"{_where(op)} must have a filter of (units, depth). Received: input {source.shape}, "
            f"filter {weights.shape}, output {output.shape}."
        )
    quant = weights.quant
    if quant is not None and quant.per_channel:
        per_channel, filter_offset = True, 0
        multiplier, shift = _channel_multipliers(op, source, weights, output, units)
    else:
        per_channel = False
        filter_scale, filter_zero = _quant(op, weights)
        filter_offset = -filter_zero
        product = _quant(op, source)[0] * filter_scale  # float32
        pair = _multiplier(op, float(product) / float(_quant(op, output)[0]))
        multiplier, shift = (pair[0],) * units, (pair[1],) * units
    low, high = _activation_range(op, op.options.activation, output)
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=units,
        per_channel=per_channel,
        has_bias=_has_bias(graph, op, units),
        input_offset=-_quant(op, source)[1],
        filter_offset=filter_offset,
        output_offset=_quant(op, output)[1],
        activation_min=low,
        activation_max=high,
        multiplier=multiplier,
        shift=shift,
    )


def _pool(graph: Graph, op: Op) -> PoolParams:
    """MAX_POOL_2D, AVERAGE_POOL_2D. Source: TFLM micro/kernels/pooling_common.cc."""
    assert isinstance(op.options, Pool2D)
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    _rank4(op, source, output)
    _same_quant(op, source, output, tolerance=1e-6)
    low, high = _activation_range(op, op.options.activation, output)
    return PoolParams(
        input_shape=source.shape,
        output_shape=output.shape,
        stride=op.options.stride,
        window=op.options.window,
        padding=_pads(
            op.options.padding, source.shape, output.shape, op.options.window, op.options.stride
        ),
        activation_min=low,
        activation_max=high,
    )


def _mean(graph: Graph, op: Op) -> MeanParams:
    """MEAN. Source: TFLM micro/kernels/reduce_common.cc and kernels/internal/reference/reduce.h.

    `QuantizedMeanOrSum` folds 1 / count into the multiplier: multiplier * 2^s / count truncated,
    with s = floor(log2(count)), at most 32 and at most 31 + shift; the shift drops by s.
    """
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    axis = _tensor(graph, op, op.inputs[1], "int32")
    if axis.data is None:
        raise UnsupportedModelError(
            f"{_where(op)} must have constant axes. Received: computed ones."
        )
    rank = len(source.shape)
    values = [int(a) for a in axis.data.reshape(-1)]
    if any(not -rank <= a < rank for a in values):
        raise ModelError(f"{_where(op)} must have axes below {rank}. Received: {values}.")
    axes = tuple(sorted({a % rank for a in values}))
    count = math.prod(source.shape[a] for a in axes)
    scale, zero_point = _quant(op, source)
    output_scale, output_zero = _quant(op, output)
    multiplier, shift = _multiplier(op, float(scale) / float(output_scale))
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


def _softmax(graph: Graph, op: Op) -> SoftmaxParams:
    """SOFTMAX. Source: TFLM micro/kernels/softmax_common.cc, `CalculateSoftmaxParams`.

    multiplier and shift of min(beta * input scale * 2^26, 2^31 - 1); diff_min =
    -floor(31 * 2^26 / 2^shift) (kernels/internal/quantization_util.cc, `PreprocessSoftmaxScaling`,
    `CalculateInputRadius`).
    """
    assert isinstance(op.options, Softmax)
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    output_scale, output_zero = _quant(op, output)
    if float(output_scale) != 1 / 256 or output_zero != INT8_MIN:
        raise ModelError(
            f"{_where(op)} must have output scale 1/256 and zero point -128. Received: "
            f"{output_scale!s}, {output_zero}."
        )
    beta = float(np.float32(op.options.beta))
    real = min(beta * float(_quant(op, source)[0]) * (1 << 26), 2.0**31 - 1)
    if real <= 1:
        raise ModelError(
            f"{_where(op)} must have beta * input scale above 2^-26. Received: {real / 2**26}."
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
        raise UnsupportedModelError(f"{_where(op)} must have up to 511 classes. Received: {depth}.")
    return SoftmaxParams(
        rows=source.size // depth,
        depth=depth,
        multiplier=multiplier,
        shift=shift,
        diff_min=diff_min,
        exp_table=tuple(int(v) for v in table),
    )


def _add(graph: Graph, op: Op) -> AddParams:
    """ADD. Source: TFLM micro/kernels/add_common.cc, `CalculateOpDataAdd`.

    With t = 2 * max(scale1, scale2): input multipliers scale_i / t, output multiplier
    t / (2^20 * output scale), all in double.
    """
    assert isinstance(op.options, Add)
    left, right = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.inputs[1])
    output = _tensor(graph, op, op.outputs[0])
    try:
        broadcast = np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        broadcast = ()
    if math.prod(broadcast) != output.size:
        raise ModelError(
            f"{_where(op)} must have inputs that broadcast to its output {output.shape}. "
            f"Received: {left.shape} and {right.shape}."
        )
    (left_scale, left_zero), (right_scale, right_zero) = _quant(op, left), _quant(op, right)
    output_scale, output_zero = _quant(op, output)
    left_shift = 20
    twice_max = 2 * float(max(left_scale, right_scale))
    real_output = twice_max / ((1 << left_shift) * float(output_scale))
    if real_output >= 1:
        raise ModelError(
            f"{_where(op)} must have an output scale above 2^-19 of its inputs'. Received: "
            f"{output_scale!s} for {max(left_scale, right_scale)!s}."
        )
    left_pair = _multiplier(op, float(left_scale) / twice_max)
    right_pair = _multiplier(op, float(right_scale) / twice_max)
    output_pair = _multiplier(op, real_output)
    low, high = _activation_range(op, op.options.activation, output)
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


def _relu(graph: Graph, op: Op) -> TableParams:
    """RELU. Source: TFLM micro/kernels/activations_common.cc, `CalculateReluOpData`.

    The quotient of the scales is formed in float32 here, unlike everywhere else.
    """
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    scale, zero_point = _quant(op, source)
    output_scale, output_zero = _quant(op, output)
    pair = _multiplier(op, float(scale / output_scale))
    scaled = fp.multiply_by_quantized_multiplier(_ALL_INT8 - zero_point, *pair)
    return _table(source, np.maximum(scaled.astype(np.int64) + output_zero, output_zero))


def _relu6(graph: Graph, op: Op) -> TableParams:
    """RELU6: clamps only; the output's scale is taken to be the input's.

    Source: TFLM micro/kernels/activations_common.cc, `Relu6Prepare`; it does not look at the
    output's scale at all, so a model where they differ is refused here.
    """
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    _same_quant(op, source, output)
    scale, zero_point = _quant(op, source)
    six = fp.round_half_away(float(np.float32(6.0) / scale)) + zero_point
    return _table(source, np.clip(_ALL_INT8, zero_point, max(min(six, INT8_MAX), zero_point)))


def _logistic(graph: Graph, op: Op) -> TableParams:
    """LOGISTIC. Source: TFLM micro/kernels/logistic_common.cc and integer_ops/logistic.h.

    x - zero_point rescaled to Q4.27, gemmlowp's logistic, rounded to 8 fractional bits; at and
    beyond the radius of about 15 the result is -128 or 127.
    """
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    output_scale, output_zero = _quant(op, output)
    if float(output_scale) != 1 / 256 or output_zero != INT8_MIN:
        raise ModelError(
            f"{_where(op)} must have output scale 1/256 and zero point -128. Received: "
            f"{output_scale!s}, {output_zero}."
        )
    scale, zero_point = _quant(op, source)
    real = float(scale) * (1 << 27)
    if not 1 <= real < 2.0**30:
        raise ModelError(
            f"{_where(op)} must have an input scale from 2^-27 to 8. Received: {scale!s}."
        )
    multiplier, shift = fp.quantize_multiplier(real)
    radius = math.floor(1.0 * 15 * (1 << 27) / (1 << shift))
    x = _ALL_INT8 - zero_point
    inside = np.clip(x, 1 - radius, radius - 1) if radius > 0 else np.zeros_like(x)
    scaled = fp.multiply_by_quantized_multiplier(inside, multiplier, shift)
    value = fp.rounding_divide_by_pot(fp.logistic(scaled, 4), 23).astype(np.int64) + INT8_MIN
    value = np.where(x >= radius, INT8_MAX, value)
    return _table(source, np.where(x <= -radius, INT8_MIN, value))


def _quantize(graph: Graph, op: Op) -> QuantizeParams | TableParams:
    """QUANTIZE from float32 or int8. Source: TFLM micro/kernels/quantize_common.cc."""
    source = _tensor(graph, op, op.inputs[0], None)
    output = _tensor(graph, op, op.outputs[0])
    output_scale, output_zero = _quant(op, output)
    if source.dtype == "float32":
        return QuantizeParams(size=source.size, scale=float(output_scale), zero_point=output_zero)
    scale, zero_point = _quant(op, _tensor(graph, op, op.inputs[0]))
    pair = _multiplier(op, float(scale) / float(output_scale))
    scaled = fp.multiply_by_quantized_multiplier(_ALL_INT8 - zero_point, *pair)
    return _table(source, scaled.astype(np.int64) + output_zero)


def _dequantize(graph: Graph, op: Op) -> DequantizeParams:
    """DEQUANTIZE. Source: TFLM micro/kernels/dequantize_common.cc."""
    source = _tensor(graph, op, op.inputs[0])
    _tensor(graph, op, op.outputs[0], "float32")
    scale, zero_point = _quant(op, source)
    return DequantizeParams(size=source.size, scale=float(scale), zero_point=zero_point)


def _pad(graph: Graph, op: Op) -> PadParams:
    """PAD (with the output's zero point) and PADV2. Source: TFLM micro/kernels/pad_common.cc."""
    source, output = _tensor(graph, op, op.inputs[0]), _tensor(graph, op, op.outputs[0])
    amounts = _tensor(graph, op, op.inputs[1], None)
    if amounts.data is None:
        raise UnsupportedModelError(
            f"{_where(op)} must have constant paddings. Received: computed."
        )
    if amounts.dtype != "int32":
        raise UnsupportedModelError(
            f"{_where(op)} must have int32 paddings. Received: {amounts.dtype}."
        )
    pairs = [(int(a), int(b)) for a, b in amounts.data.reshape(-1, 2)]
    expected = tuple(a + s + b for s, (a, b) in zip(source.shape, pairs, strict=False))
    if (
        len(pairs) != len(source.shape)
        or min(min(p) for p in pairs) < 0
        or expected != output.shape
    ):
        raise ModelError(
            f"{_where(op)} must have paddings of at least 0 that give its output {output.shape}. "
            f"Received: {pairs} for {source.shape}."
        )
    value = _quant(op, output)[1]
    if len(op.inputs) > 2 and op.inputs[2] != -1:
        constant = _tensor(graph, op, op.inputs[2])
        if constant.data is None or constant.size != 1:
            raise UnsupportedModelError(
                f"{_where(op)} must pad with a constant. Received: computed."
            )
        _same_quant(op, constant, output)
        value = int(constant.data.reshape(-1)[0])
    return PadParams(
        input_shape=source.shape,
        output_shape=output.shape,
        before=tuple(p[0] for p in pairs),
        after=tuple(p[1] for p in pairs),
        value=value,
    )


def _reshape(graph: Graph, op: Op) -> ReshapeParams:
    """RESHAPE. Source: TFLM micro/kernels/reshape.cc; a copy, scales are not looked at."""
    source = _tensor(graph, op, op.inputs[0], None)
    output = _tensor(graph, op, op.outputs[0], source.dtype)
    if source.size != output.size or source.dtype not in ITEM_BYTES:
        raise ModelError(
            f"{_where(op)} must keep the number of elements. Received: {source.shape} to "
            f"{output.shape} ({source.dtype})."
        )
    return ReshapeParams(nbytes=source.size * ITEM_BYTES[source.dtype])


def _concatenation(graph: Graph, op: Op) -> ConcatenationParams:
    """CONCATENATION. Source: TFLM micro/kernels/concatenation.cc; no rescaling for int8."""
    assert isinstance(op.options, Concatenation)
    output = _tensor(graph, op, op.outputs[0])
    sources = [_tensor(graph, op, index) for index in op.inputs]
    rank = len(output.shape)
    if op.options.activation != "none" or not -rank <= op.options.axis < rank:
        raise UnsupportedModelError(
            f"{_where(op)} must have no fused activation and an axis below {rank}. Received: "
            f"{op.options.activation}, axis {op.options.axis}."
        )
    axis = op.options.axis % rank
    for source in sources:
        _same_quant(op, source, output)
    around = [(*s.shape[:axis], *s.shape[axis + 1 :]) for s in (*sources, output)]
    if len(set(around)) != 1 or sum(s.shape[axis] for s in sources) != output.shape[axis]:
        raise ModelError(
            f"{_where(op)} must have inputs that fill its output {output.shape} along axis {axis}. "
            f"Received: {[s.shape for s in sources]}."
        )
    inner = math.prod(output.shape[axis + 1 :])
    return ConcatenationParams(
        axis=axis,
        outer=math.prod(output.shape[:axis]),
        runs=tuple(s.shape[axis] * inner for s in sources),
    )


_PREPARE: dict[str, Callable[[Graph, Op], Params]] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _quantize,
    "RELU": _relu,
    "RELU6": _relu6,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
}


def prepare_op(graph: Graph, op: Op) -> Params:
    """The integers of one operator; the class follows `op.kind` (QUANTIZE: its input's type).

    Raises:
        UnsupportedModelError: the operator or its types are not among those above.
        ModelError: scales or shapes break a rule that TFLite Micro checks.
    """
    prepare = _PREPARE.get(op.kind)
    if prepare is None:
        raise UnsupportedModelError(
            f"{_where(op)} must be one of {', '.join(sorted(_PREPARE))}. Received: {op.kind}."
        )
    return prepare(graph, op)


def prepare_graph(graph: Graph) -> tuple[Params, ...]:
    """`prepare_op` of every operator, in execution order."""
    return tuple(prepare_op(graph, op) for op in graph.ops)
