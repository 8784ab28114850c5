"""What the C target demands of convolutions and pooling; see `convert.constraints`."""

from __future__ import annotations

from convert import graph as g
from convert.constraints import Verdict, named, output_of, sides, source_of, tensors_of
from convert.graph import Graph, Op


def has_four_dimensions(graph: Graph, op: Op) -> Verdict:
    """Inputs, outputs and weights have four dimensions (batch, height, width, channels).

    Use a two-dimensional layer.
    """
    for tensor in tensors_of(graph, (*op.inputs[:2], *op.outputs)):
        if len(tensor.shape) != 4:
            return False, f"{sides(tensor.shape)} for {named(tensor)}"
    return True, ""


MAX_STEP = 1 << 14  # products of positions stay far inside int32
_MAX_REACH = 1 << 15  # TFLite Micro keeps paddings in int16


def has_small_steps(graph: Graph, op: Op) -> Verdict:
    """Strides, dilations and windows are at most 16384; windows reach at most 32768.

    Export the model again; no layer looks that far.
    """
    o = op.options
    assert isinstance(o, g.Conv2D | g.DepthwiseConv2D | g.Pool2D)
    window, dilation = _window(graph, op)
    for name, pair in (("stride", o.stride), ("dilation", dilation), ("window", window)):
        if max(pair) > MAX_STEP:
            return False, f"a {name} of {max(pair)}"
    reach = max((w - 1) * d + 1 for w, d in zip(window, dilation, strict=True))
    return reach <= _MAX_REACH, f"a window that reaches {reach}"


def _window(graph: Graph, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width of the window, and its dilation."""
    o = op.options
    if isinstance(o, g.Pool2D):
        return o.window, (1, 1)
    assert isinstance(o, g.Conv2D | g.DepthwiseConv2D)
    weights = graph.tensors[op.inputs[1]].shape
    return (weights[1], weights[2]), o.dilation


def has_matching_window(graph: Graph, op: Op) -> Verdict:
    """Batch, height and width of the output follow from the options.

    Export the model again; the file contradicts itself.
    """
    o = op.options
    assert isinstance(o, g.Conv2D | g.DepthwiseConv2D | g.Pool2D)
    source, output = source_of(graph, op).shape, output_of(graph, op).shape
    window, dilation = _window(graph, op)
    expected = [source[0]]
    for axis in (0, 1):
        size, stride = source[1 + axis], o.stride[axis]
        reach = (window[axis] - 1) * dilation[axis] + 1
        expected.append(-(-size // stride) if o.padding == "same" else (size - reach) // stride + 1)
    return (
        list(output[:3]) == expected,
        f"{sides(output)} where {sides(tuple(expected))} must come first",
    )


def has_matching_transposed_window(graph: Graph, op: Op) -> Verdict:
    """A convolution with these options leads from the output back to the input's batch and sides.

    Export the model again; the file contradicts itself.
    """
    o = op.options
    assert isinstance(o, g.TransposeConv)
    source, output = source_of(graph, op).shape, output_of(graph, op).shape
    weights = graph.tensors[op.inputs[1]].shape
    expected = [output[0]]
    for axis in (0, 1):
        size, stride, reach = output[1 + axis], o.stride[axis], weights[1 + axis]
        if max(stride, reach) > 1 << 15:  # TFLite Micro keeps paddings in int16
            return False, f"a window of {reach} with stride {stride}"
        same = -(-size // stride)
        expected.append(same if o.padding == "same" else (size + stride - reach) // stride)
    fits = list(source[:3]) == expected and (weights[0], weights[3]) == (output[3], source[3])
    return fits, f"input {sides(source)}, weights {sides(weights)}, output {sides(output)}"


def has_matching_channels(graph: Graph, op: Op) -> Verdict:
    """Channels of input, weights and output agree (CONV_2D: groups divide them).

    Export the model again; the file contradicts itself.
    """
    source, output = source_of(graph, op).shape, output_of(graph, op).shape
    detail = f"input {sides(source)}, output {sides(output)}"
    if isinstance(op.options, g.Pool2D):
        return source[3] == output[3], detail
    weights = graph.tensors[op.inputs[1]].shape
    detail += f", weights {sides(weights)}"
    if isinstance(op.options, g.DepthwiseConv2D):
        made = source[3] * op.options.multiplier
        detail += f", multiplier {op.options.multiplier}"
        return weights[0] == 1 and weights[3] == made == output[3], detail
    if source[3] % weights[3]:
        return False, detail
    groups = source[3] // weights[3]
    return weights[0] == output[3] and weights[0] % groups == 0, detail


def has_nearly_equal_quantization(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same zero point and scales that differ by at most 1e-6.

    Convert with the TFLite converter, which keeps them equal.
    """
    a, b = source_of(graph, op).quant, output_of(graph, op).quant
    assert a is not None and b is not None
    same = abs(a.scale[0] - b.scale[0]) <= 1e-6 and a.zero_point == b.zero_point
    return same, f"scales {a.scale[0]:g} and {b.scale[0]:g}, {a.zero_point} and {b.zero_point}"
