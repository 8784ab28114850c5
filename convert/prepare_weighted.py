"""Prepared integers of the operators with a window or weights: convolutions, dense, pooling.

"TFLM" is tensorflow/tflite-micro; paths are below tensorflow/lite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from convert.errors import ModelError
from convert.graph import (
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Graph,
    Op,
    Pool2D,
    Tensor,
    TransposeConv,
)
from convert.params import (
    ConvParams,
    DepthwiseConvParams,
    FullyConnectedParams,
    PoolParams,
    TransposeConvParams,
)
from convert.prepare_checks import (
    activation_range,
    channel_multipliers,
    has_bias,
    multiplier_of,
    need,
    need_rank_4,
    need_values,
    need_weights,
    quant_of,
    same_quant,
    where,
    window_padding,
)

_C = TypeVar("_C", ConvParams, DepthwiseConvParams, TransposeConvParams)


def same_channels(op: Op, output: Tensor, channels: int) -> None:
    """Check the output's last dimension.

    Raises:
        ModelError: it is another.
    """
    if output.shape[3] != channels:
        raise ModelError(
            f"{where(op)} must have {channels} output channels. Received: {output.shape[3]}."
        )


def _convolution(
    made: Callable[..., _C],
    graph: Graph,
    op: Op,
    tensors: tuple[Tensor, Tensor, Tensor],
    channels: int,
    **own: int,
) -> _C:
    """Parameters of a convolution of `tensors` (input, filter, output), all of four dimensions.

    Raises:
        ModelError: the output has other channels, or the tensors contradict each other.
    """
    o = op.options
    assert isinstance(o, Conv2D | DepthwiseConv2D | TransposeConv)
    source, weights, output = tensors
    same_channels(op, output, channels)
    multiplier, shift = channel_multipliers(op, source, weights, output, channels)
    low, high = activation_range(op, o.activation, output)
    window = (weights.shape[1], weights.shape[2])
    if isinstance(o, TransposeConv):  # what a convolution from the output to the input has
        dilation = (1, 1)
        padding = window_padding(op, o.padding, output, source, window, o.stride)
    else:
        dilation = o.dilation
        padding = window_padding(op, o.padding, source, output, window, o.stride, dilation)
    return made(
        input_shape=source.shape,
        filter_shape=weights.shape,
        output_shape=output.shape,
        stride=o.stride,
        dilation=dilation,
        padding=padding,
        has_bias=has_bias(graph, op, channels),
        input_offset=-quant_of(op, source)[1],
        output_offset=quant_of(op, output)[1],
        activation_min=low,
        activation_max=high,
        multiplier=multiplier,
        shift=shift,
        **own,
    )


def prepare_conv(graph: Graph, op: Op) -> ConvParams:
    """CONV_2D. Source: TFLM micro/kernels/conv_common.cc."""
    source, weights = need_values(graph, op, op.inputs[0]), need_weights(graph, op)
    output = need_values(graph, op, op.outputs[0])
    need_rank_4(op, source, weights, output)
    channels = weights.shape[0]
    if source.shape[3] % weights.shape[3] or channels % (source.shape[3] // weights.shape[3]):
        raise ModelError(
            f"{where(op)} must have input channels that its filter divides. Received: "
            f"{source.shape[3]} channels, filter {weights.shape}."
        )
    groups = source.shape[3] // weights.shape[3]
    tensors = source, weights, output
    return _convolution(ConvParams, graph, op, tensors, channels, groups=groups)


def prepare_transposed(graph: Graph, op: Op) -> TransposeConvParams:
    """TRANSPOSE_CONV. Source: TFLM micro/kernels/transpose_conv.cc, `CalculateOpData`."""
    source, weights = need(graph, op, op.inputs[0]), need(graph, op, op.inputs[1])
    output = need(graph, op, op.outputs[0])
    need_rank_4(op, source, weights, output)
    if source.shape[3] != weights.shape[3]:
        raise ModelError(
            f"{where(op)} must have a filter for its input's channels. Received: "
            f"{source.shape[3]} channels, filter {weights.shape}."
        )
    tensors = source, weights, output
    return _convolution(TransposeConvParams, graph, op, tensors, weights.shape[0])


def prepare_depthwise(graph: Graph, op: Op) -> DepthwiseConvParams:
    """DEPTHWISE_CONV_2D. Source: TFLM micro/kernels/depthwise_conv_common.cc."""
    assert isinstance(op.options, DepthwiseConv2D)
    source, weights = need_values(graph, op, op.inputs[0]), need_weights(graph, op)
    output = need_values(graph, op, op.outputs[0])
    need_rank_4(op, source, weights, output)
    channels, multiplier = weights.shape[3], op.options.multiplier
    # The kernel trusts the option; a file where it disagrees with the shapes is damaged.
    if channels != source.shape[3] * multiplier:
        raise ModelError(
            f"{where(op)} must have input channels * multiplier filters. Received: "
            f"{source.shape[3]} channels, multiplier {multiplier}, {channels} filters."
        )
    tensors = source, weights, output
    return _convolution(
        DepthwiseConvParams, graph, op, tensors, channels, depth_multiplier=multiplier
    )


def prepare_fully_connected(graph: Graph, op: Op) -> FullyConnectedParams:
    """FULLY_CONNECTED. Source: TFLM micro/kernels/fully_connected_common.cc.

    Per channel the multiplier is as in a convolution. Per tensor it is the same quotient, with the
    product of the scales kept in double: the wheel shows this on accumulators chosen to sit where
    a product rounded to float32 would round the other way (tests/firmware/test_multipliers.py).
    """
    assert isinstance(op.options, FullyConnected)
    source, weights = need_values(graph, op, op.inputs[0]), need_weights(graph, op)
    output = need_values(graph, op, op.outputs[0])
    depth = weights.shape[-1] if weights.shape else 1
    units = output.shape[-1] if output.shape else 1
    rows = output.size // units
    if weights.shape != (units, depth) or source.size != rows * depth:
        raise ModelError(
            f"{where(op)} must have a filter of (units, depth). Received: input {source.shape}, "
            f"filter {weights.shape}, output {output.shape}."
        )
    quant = weights.quant
    if quant is not None and quant.per_channel:
        per_channel, filter_offset = True, 0
        multiplier, shift = channel_multipliers(op, source, weights, output, units)
    else:
        per_channel = False
        filter_scale, filter_zero = quant_of(op, weights)
        filter_offset = -filter_zero
        product = float(quant_of(op, source)[0]) * float(filter_scale)
        pair = multiplier_of(op, product / float(quant_of(op, output)[0]))
        multiplier, shift = (pair[0],) * units, (pair[1],) * units
    low, high = activation_range(op, op.options.activation, output)
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=units,
        per_channel=per_channel,
        has_bias=has_bias(graph, op, units),
        input_offset=-quant_of(op, source)[1],
        filter_offset=filter_offset,
        output_offset=quant_of(op, output)[1],
        activation_min=low,
        activation_max=high,
        multiplier=multiplier,
        shift=shift,
    )


def prepare_pool(graph: Graph, op: Op) -> PoolParams:
    """MAX_POOL_2D, AVERAGE_POOL_2D. Source: TFLM micro/kernels/pooling_common.cc."""
    assert isinstance(op.options, Pool2D)
    source, output = need_values(graph, op, op.inputs[0]), need_values(graph, op, op.outputs[0])
    need_rank_4(op, source, output)
    same_channels(op, output, source.shape[3])
    same_quant(op, source, output, tolerance=1e-6)
    low, high = activation_range(op, op.options.activation, output)
    return PoolParams(
        input_shape=source.shape,
        output_shape=output.shape,
        stride=op.options.stride,
        window=op.options.window,
        padding=window_padding(
            op, op.options.padding, source, output, op.options.window, op.options.stride
        ),
        activation_min=low,
        activation_max=high,
    )
