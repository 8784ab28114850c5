"""What the C target demands of operators with weights; see `convert.constraints`."""

from __future__ import annotations

import math

import numpy as np

from convert.constraints import Verdict, named, output_of, sides, source_of, tensors_of
from convert.graph import Graph, Op

_INT32_MAX = 2**31 - 1


def has_constant_weights(graph: Graph, op: Op) -> Verdict:
    """Weights and bias are constants.

    Freeze the model before exporting.
    """
    for tensor in tensors_of(graph, op.inputs[1:3]):
        if tensor.data is None:
            return False, f"computed {named(tensor)}"
    return True, ""


def has_symmetric_weights(graph: Graph, op: Op) -> Verdict:
    """Weights have a zero point of 0.

    Convert with the current TFLite converter, whose int8 weights are symmetric.
    """
    weights = graph.tensors[op.inputs[1]]
    zero_points = set(weights.quant.zero_point) if weights.quant else set()
    return zero_points <= {0}, f"zero point {next(iter(zero_points - {0}), 0)} for {named(weights)}"


def has_weight_scales(graph: Graph, op: Op) -> Verdict:
    """Weights have one positive scale, or one of 0 or more for each output channel.

    Convert the model to full int8.
    """
    weights = graph.tensors[op.inputs[1]]
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    q = weights.quant
    if q is None:
        return False, f"no quantization for {named(weights)}"
    if not all(0 <= s < math.inf for s in q.scale) or q.scale == (0.0,):
        return False, f"a scale that is 0, negative or not finite for {named(weights)}"
    if q.per_channel and q.axis != axis:
        return False, f"{len(q.scale)} scales along axis {q.axis} for {named(weights)}"
    return True, ""


def has_one_scale_of_int4(graph: Graph, op: Op) -> Verdict:
    """int4 weights have one scale; TFLite Micro runs them so only.

    Convert with per-channel quantization of dense layers turned off.
    """
    weights = graph.tensors[op.inputs[1]]
    scales = len(weights.quant.scale) if weights.quant else 0
    return weights.dtype != "int4" or scales == 1, f"{scales} scales for {named(weights)}"


def has_fitting_bias(graph: Graph, op: Op) -> Verdict:
    """The bias is absent or has one dimension, with one value per output channel.

    Export the model again.
    """
    if len(op.inputs) < 3 or op.inputs[2] == -1:
        return True, ""
    channels = output_of(graph, op).shape[-1]
    bias = graph.tensors[op.inputs[2]]
    return bias.shape == (channels,), f"{sides(bias.shape)} values for {channels} channels"


def has_matching_bias_scale(graph: Graph, op: Op) -> Verdict:
    """With one weight scale: |input scale * weight scale - bias scale| / output scale <= 0.02.

    Convert the model again; its bias is quantized with another scale than the sums.
    """
    weights, bias = graph.tensors[op.inputs[1]].quant, op.inputs[2:3]
    source, output = source_of(graph, op).quant, output_of(graph, op).quant
    assert weights is not None and source is not None and output is not None
    if weights.per_channel or bias in ((), (-1,)):
        return True, ""
    bias_quant = graph.tensors[bias[0]].quant
    bias_scale = bias_quant.scale[0] if bias_quant else 0.0
    off = abs(source.scale[0] * weights.scale[0] - bias_scale) / output.scale[0]
    return off <= 0.02, f"bias scale {bias_scale:g}, off by {off:g}"


def has_bounded_sums(graph: Graph, op: Op) -> Verdict:
    """With int8 values, no int32 sum can overflow: 255 * sum of |weights| + |bias| < 2^31.

    Use fewer inputs per output or a smaller bias.
    """
    if source_of(graph, op).dtype == "int16":  # see has_bounded_wide_sums
        return True, ""
    weights = graph.tensors[op.inputs[1]]
    bias = graph.tensors[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] != -1 else None
    assert weights.data is not None
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    sums = 255 * np.abs(weights.data.astype(np.int32)).sum(axis=others, dtype=np.int64)
    if bias is not None and bias.data is not None:
        sums = sums + np.abs(bias.data.astype(np.int64)).ravel()
    worst = int(sums.max())
    return worst <= _INT32_MAX, f"up to {worst}"


def has_matrix_weights(graph: Graph, op: Op) -> Verdict:
    """Weights are (units, depth), the input holds rows of depth, the output rows of units.

    Flatten the input before the layer.
    """
    source, output = source_of(graph, op), output_of(graph, op)
    weights = graph.tensors[op.inputs[1]]
    detail = ", ".join(sides(t.shape) for t in (source, weights, output))
    if len(weights.shape) != 2 or not output.shape:
        return False, detail
    units, depth = weights.shape
    rows = output.size // units
    return (
        output.shape[-1] == units and source.size == rows * depth and output.size == rows * units,
        detail,
    )
