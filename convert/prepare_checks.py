"""What `convert.prepare` asks of tensors, and the numbers that several operators share.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

import math

import numpy as np

from convert import fixedpoint as fp
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import Activation, DType, Graph, Op, Padding, Tensor, shown

INT8_MIN, INT8_MAX = -128, 127


def where(op: Op) -> str:
    """How messages name an operator."""
    return f"Operator {op.index} ({op.kind})"


def need(
    graph: Graph, op: Op, index: int, dtype: DType | tuple[DType, ...] | None = "int8"
) -> Tensor:
    """A tensor that must be there and of a given type.

    Raises:
        UnsupportedModelError: it is absent or of another type.
    """
    if index == -1:
        raise UnsupportedModelError(
            f"{where(op)} must have all its inputs. Received: an absent one."
        )
    tensor = graph.tensors[index]
    wanted = (dtype,) if isinstance(dtype, str) else dtype
    if wanted is not None and tensor.dtype not in wanted:
        raise UnsupportedModelError(
            f"{where(op)} must use a tensor of type {' or '.join(wanted)} here. Received: "
            f"{tensor.dtype} for tensor {index} ({shown(tensor.name)}). "
            "Convert the model to full int8."
        )
    return tensor


def need_values(graph: Graph, op: Op, index: int) -> Tensor:
    """int8 values, or int16 ones, which `convert.prepare_wide` lets through where they may be.

    Raises:
        UnsupportedModelError: the tensor is absent or of another type.
    """
    return need(graph, op, index, ("int8", "int16"))


def need_weights(graph: Graph, op: Op) -> Tensor:
    """The second input, int8 or int4.

    Raises:
        UnsupportedModelError: it is absent or of another type.
    """
    index = op.inputs[1]
    four_bit = index != -1 and graph.tensors[index].dtype == "int4"
    return need(graph, op, index, "int4" if four_bit else "int8")


def zero_points(kind: str, dtype: DType) -> tuple[int, int]:
    """Lowest and highest zero point that an operator of this kind takes with values of this type.

    int16 values lie around 0, but for the probabilities that SOFTMAX makes of int8 values and
    QUANTIZE reads.
    """
    if dtype == "int16" and kind in ("QUANTIZE", "SOFTMAX"):
        return -32768, 0
    only_zero = (0, 0)
    known: dict[str, tuple[int, int]] = {"uint8": (0, 255), "int16": only_zero, "int32": only_zero}
    return known.get(dtype, (INT8_MIN, INT8_MAX))


def quant_of(op: Op, tensor: Tensor) -> tuple[np.float32, int]:
    """Scale and zero point of a tensor quantized as a whole.

    Raises:
        ModelError: there is none, or the scale is not a positive number.
    """
    quant = tensor.quant
    if quant is None or len(quant.scale) != 1 or not 0 < quant.scale[0] < math.inf:
        received = None if quant is None else quant.scale
        raise ModelError(
            f"{where(op)} must use tensors quantized with one positive scale. Received: "
            f"{received} for tensor {tensor.index} ({shown(tensor.name)})."
        )
    zero_point = quant.zero_point[0] if quant.zero_point else 0
    low, high = zero_points(op.kind, tensor.dtype)
    if not low <= zero_point <= high:
        raise ModelError(
            f"{where(op)} must use zero points from {low} to {high} in {tensor.dtype}. Received: "
            f"{zero_point} for tensor {tensor.index} ({shown(tensor.name)})."
        )
    return np.float32(quant.scale[0]), zero_point


def same_quant(op: Op, left: Tensor, right: Tensor, tolerance: float = 0.0) -> None:
    """Check that no rescaling is needed between two tensors.

    Raises:
        ModelError: scales or zero points differ.
    """
    (a, a_zero), (b, b_zero) = quant_of(op, left), quant_of(op, right)
    if float(abs(a - b)) > tolerance or a_zero != b_zero:
        raise ModelError(
            f"{where(op)} must have one scale and zero point for inputs and output. "
            f"Received: {a!s}, {a_zero} for {shown(left.name)} and {b!s}, {b_zero} for "
            f"{shown(right.name)}."
        )


def multiplier_of(op: Op, real: float) -> tuple[int, int]:
    """`fixedpoint.quantize_multiplier`, its complaint turned into a ModelError."""
    try:
        multiplier, shift = fp.quantize_multiplier(real)
    except ValueError as error:
        raise ModelError(f"{where(op)}: {error}") from None
    if shift > 30:
        raise ModelError(f"{where(op)} must rescale by less than 2^30. Received: {real}.")
    return multiplier, shift


def rounded_quotient(op: Op, value: float, scale: np.float32) -> int:
    """round(value / scale) in float32, halves away from zero.

    Raises:
        ModelError: it is not within int32.
    """
    quotient = float(np.float32(value) / scale)
    if not abs(quotient) < 2.0**31:
        raise ModelError(
            f"{where(op)} must have a scale that can express {value}. Received: {scale!s}."
        )
    return fp.round_half_away(quotient)


def activation_range(op: Op, activation: Activation, output: Tensor) -> tuple[int, int]:
    """Lowest and highest output value, after the fused activation.

    round(bound / scale) in float32, halves away from zero, plus the zero point, within the type.
    Source: TFLM kernels/kernel_util.cc, `CalculateActivationRangeQuantizedImpl`.
    """
    scale, zero_point = quant_of(op, output)

    def quantized(bound: float) -> int:
        return zero_point + rounded_quotient(op, bound, scale)

    if activation not in ("none", "relu", "relu6", "relu_n1_to_1"):
        raise UnsupportedModelError(
            f"{where(op)} must have no fused activation, RELU, RELU6 or RELU_N1_TO_1. "
            f"Received: {activation}."
        )
    limits = np.iinfo(np.int16 if output.dtype == "int16" else np.int8)
    low, high = int(limits.min), int(limits.max)
    if activation in ("relu", "relu6"):
        low = max(low, quantized(0.0))
    if activation == "relu6":
        high = min(high, quantized(6.0))
    if activation == "relu_n1_to_1":
        low, high = max(low, quantized(-1.0)), min(high, quantized(1.0))
    return low, high


def window_padding(
    op: Op,
    padding: Padding,
    source: Tensor,
    output: Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """Rows above and columns left of the input that a window may reach.

    max((out - 1) * stride + (window - 1) * dilation + 1 - in, 0) / 2, rounded down, where out is
    ceil(in / stride) for SAME and (in + stride - reach) / stride for VALID. Source: TFLM
    kernels/padding.h, `ComputePaddingHeightWidth`.

    Raises:
        ModelError: the output's height, width or number of images is not what follows.
    """
    result = []
    expected = [source.shape[0]]
    for axis in (0, 1):
        size = source.shape[1 + axis]
        reach = (window[axis] - 1) * dilation[axis] + 1
        if padding == "same":
            out = -(-size // stride[axis])
        else:
            out = (size + stride[axis] - reach) // stride[axis]
        expected.append(out)
        result.append(max((out - 1) * stride[axis] + reach - size, 0) // 2)
    if list(output.shape[:3]) != expected:
        raise ModelError(
            f"{where(op)} must have an output of {expected} images, rows and columns. "
            f"Received: {list(output.shape[:3])}."
        )
    return result[0], result[1]


def same_size(op: Op, source: Tensor, output: Tensor) -> None:
    """Check that an operator keeps the number of elements.

    Raises:
        ModelError: it does not.
    """
    if source.size != output.size:
        raise ModelError(
            f"{where(op)} must have as many outputs as inputs. Received: {source.shape} to "
            f"{output.shape}."
        )


def need_rank_4(op: Op, *tensors: Tensor) -> None:
    """Check for four dimensions.

    Raises:
        ModelError: another rank.
    """
    for tensor in tensors:
        if len(tensor.shape) != 4:
            raise ModelError(
                f"{where(op)} must have tensors of four dimensions. Received: {tensor.shape} for "
                f"{shown(tensor.name)}."
            )


def channel_multipliers(
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
            f"{where(op)} must have one filter scale or one per output channel ({channels}). "
            f"Received: {len(scales)}."
        )
    if len(scales) == 1:
        scales = scales * channels
    input_scale = float(quant_of(op, source)[0])
    output_scale = float(quant_of(op, output)[0])
    pairs = [multiplier_of(op, input_scale * scale / output_scale) for scale in scales]
    return tuple(m for m, _ in pairs), tuple(s for _, s in pairs)


def has_bias(graph: Graph, op: Op, channels: int) -> bool:
    """Whether there is a bias; int32, or int64 beside int16 values, one for each channel."""
    if len(op.inputs) < 3 or op.inputs[2] == -1:
        return False
    wide = graph.tensors[op.inputs[0]].dtype == "int16"
    bias = need(graph, op, op.inputs[2], "int64" if wide else "int32")
    if bias.size != channels:
        raise ModelError(
            f"{where(op)} must have one bias per output channel ({channels}). "
            f"Received: {bias.size}."
        )
    return True
