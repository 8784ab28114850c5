"""What the C target demands of operators without weights; see `convert.constraints`."""

from __future__ import annotations

import math

import numpy as np

from convert import graph as g
from convert.constraints import (
    Verdict,
    has_equal_quantization,
    output_of,
    sides,
    source_of,
    tensors_of,
)
from convert.graph import Graph, Op
from convert.prepare_binary import LARGEST_PRODUCT
from convert.prepare_tables import TANH_OUTPUT
from convert.prepare_wide import UNIT_TOLERANCE

MAX_CONCATENATED = 10
MAX_CLASSES = 511


def has_uint8_at_the_edges(graph: Graph, op: Op) -> Verdict:
    """Of input and output, one is int8, or int16 becomes int16 or int32; float32 becomes int8.

    Convert with int8 inputs and outputs.
    """
    a, b = source_of(graph, op).dtype, output_of(graph, op).dtype
    wide = a == "int16" and b in ("int16", "int32")
    return wide or (b == "int32" and a == "int8") or "int8" in (a, b), f"{a} to {b}"


def has_relu6_quantization(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same scale and zero point; TFLite Micro's RELU6 does not rescale.

    Fuse RELU6 into the layer before (activation="relu6", or batch normalisation between them).
    """
    return has_equal_quantization(graph, op)


def has_equal_shapes(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same shape.

    Export the model again; the file contradicts itself.
    """
    a, b = source_of(graph, op).shape, output_of(graph, op).shape
    return a == b, f"{sides(a)} and {sides(b)}"


def has_probability_output(graph: Graph, op: Op) -> Verdict:
    """The output has scale 1/256 and zero point -128, or as int16 a scale of 1/32768.

    Convert with the TFLite converter, which sets them so (SOFTMAX from int8 to int16: 1/65536 and
    -32768).
    """
    q = output_of(graph, op).quant
    assert q is not None
    one, zero, tolerance = 256, -128, 0.0
    if output_of(graph, op).dtype == "int16":
        narrow = source_of(graph, op).dtype == "int8"
        one, zero = (65536, -32768) if narrow else (32768, 0)
        tolerance = UNIT_TOLERANCE
    valid = abs(q.scale[0] * one - 1) <= tolerance and q.zero_point == (zero,)
    return valid, f"scale {q.scale[0]:g}, zero point {q.zero_point[0]}"


def has_tanh_output(graph: Graph, op: Op) -> Verdict:
    """The output has scale 1/128 and zero point 0, or as int16 a scale of 1/32768.

    Convert with the TFLite converter, which sets them so.
    """
    q = output_of(graph, op).quant
    assert q is not None
    if output_of(graph, op).dtype == "int16":
        return abs(q.scale[0] * 32768 - 1) <= UNIT_TOLERANCE, f"scale {q.scale[0]:g}"
    valid = (q.scale[0], q.zero_point[0]) == TANH_OUTPUT
    return valid, f"scale {q.scale[0]:g}, zero point {q.zero_point[0]}"


def has_usable_slope(graph: Graph, op: Op) -> Verdict:
    """The slope is finite, and slope * input scale / output scale is below 2^30 (int16: 2^15).

    Use a slope between 0 and 1.
    """
    assert isinstance(op.options, g.LeakyRelu)
    a, b = source_of(graph, op).quant, output_of(graph, op).quant
    assert a is not None and b is not None
    limit = 2**15 if source_of(graph, op).dtype == "int16" else 2**30
    return abs(op.options.alpha) * a.scale[0] / b.scale[0] < limit, f"{op.options.alpha:g}"


def has_moderate_table_scale(graph: Graph, op: Op) -> Verdict:
    """The output's scale is above 2^-126 and above 2^-22 times the input's.

    Calibrate with representative data and convert again.
    """
    a, b = source_of(graph, op).quant, output_of(graph, op).quant
    assert a is not None and b is not None
    valid = b.scale[0] > max(2.0**-126, a.scale[0] / 2**22)
    return valid, f"{b.scale[0]:g} and {a.scale[0]:g}"


def has_moderate_sum(graph: Graph, op: Op) -> Verdict:
    """255 values of 1 for each summed one, on the output's scale (but at least 1), fit 30 bits.

    Calibrate with representative data, or take the mean.
    """
    a, b = source_of(graph, op).quant, output_of(graph, op).quant
    assert a is not None and b is not None
    count = source_of(graph, op).size // output_of(graph, op).size
    most = 255 * count * max(1.0, a.scale[0] / b.scale[0])
    return most < 2**30, f"{most:g}"


def has_hard_swish_scales(graph: Graph, op: Op) -> Verdict:
    """The input's scale is from 2^-20 to 2^8, and from 2^-7 to 127 times the output's.

    Calibrate with representative data and convert again.
    """
    a, b = source_of(graph, op).quant, output_of(graph, op).quant
    assert a is not None and b is not None
    ratio = a.scale[0] / b.scale[0]
    valid = 2**-20 <= a.scale[0] <= 2**8 and 2**-7 <= ratio <= 127
    return valid, f"{a.scale[0]:g} and {b.scale[0]:g}"


def has_moderate_product(graph: Graph, op: Op) -> Verdict:
    """The product of the inputs' scales is below 2^15 (int16: 1) times the output's.

    Calibrate with representative data and convert again.
    """
    scales = [t.quant.scale[0] for t in tensors_of(graph, op.inputs) if t.quant]
    output = output_of(graph, op)
    assert output.quant is not None
    factor = math.prod(scales) / output.quant.scale[0]
    return factor < LARGEST_PRODUCT[output.dtype], f"{factor:g}"


def has_moderate_square(graph: Graph, op: Op) -> Verdict:
    """The square of the larger input scale is below 2^12 times the output's scale.

    Calibrate with representative data and convert again.
    """
    scales = [t.quant.scale[0] for t in tensors_of(graph, op.inputs) if t.quant]
    q = output_of(graph, op).quant
    assert q is not None
    return max(scales) ** 2 / q.scale[0] < 2**12, f"{max(scales):g} and {q.scale[0]:g}"


def has_constant_padding_value(graph: Graph, op: Op) -> Verdict:
    """The value to pad with is a constant, of the same scale and zero point as the rest.

    Pad with zeros.
    """
    value, q = graph.tensors[op.inputs[2]], output_of(graph, op).quant
    if value.data is None or value.size != 1:
        return False, "a computed value" if value.data is None else f"{value.size} values"
    same = value.quant is not None and q is not None and value.quant.scale == q.scale
    return same and value.quant == q, "another scale or zero point"


def has_usable_beta(graph: Graph, op: Op) -> Verdict:
    """The factor beta is finite, and beta * input scale is above 2^-26.

    Leave beta at 1.
    """
    assert isinstance(op.options, g.Softmax)
    q = source_of(graph, op).quant
    assert q is not None
    beta = op.options.beta
    return math.isfinite(beta) and beta * q.scale[0] * 2**26 > 1, f"beta {beta:g}"


def has_few_classes(graph: Graph, op: Op) -> Verdict:
    """SOFTMAX goes over at most 511 values, along the last of one or more dimensions.

    Use fewer words.
    """
    shape = source_of(graph, op).shape
    return len(shape) > 0 and shape[-1] <= MAX_CLASSES, sides(shape)


def has_usable_input_scale(graph: Graph, op: Op) -> Verdict:
    """The input's scale is at least 2^-27 and below 8 (int16: 2).

    Calibrate with representative data and convert again.
    """
    q = source_of(graph, op).quant
    assert q is not None
    limit = 2 if source_of(graph, op).dtype == "int16" else 8
    return 2**-27 <= q.scale[0] < limit, f"{q.scale[0]:g}"


def has_constant_axes(graph: Graph, op: Op) -> Verdict:
    """Axes are a constant, within an input of at most four dimensions, and give the output's shape.

    Use a pooling layer with a fixed shape.
    """
    source, output, axes = source_of(graph, op), output_of(graph, op), graph.tensors[op.inputs[1]]
    rank = len(source.shape)
    if axes.data is None:
        return False, "computed axes"
    if not 1 <= rank <= 4:
        return False, f"an input of {rank} dimensions"
    values = [int(a) for a in axes.data.ravel()[:16]]
    if axes.size > 16 or not all(-rank <= a < rank for a in values):
        return False, f"axes {values} of {rank} dimensions"
    assert isinstance(op.options, g.Mean)
    chosen = {a % rank for a in values}
    kept = [
        1 if i in chosen else size
        for i, size in enumerate(source.shape)
        if op.options.keep_dims or i not in chosen
    ]
    detail = f"{sides(source.shape)} over axes {values} to {sides(output.shape)}"
    return list(output.shape) == kept, detail


def keeps_its_elements(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same element type and number of elements.

    Export with a fixed input shape, batch size included; the file contradicts itself.
    """
    a, b = source_of(graph, op), output_of(graph, op)
    return (
        a.dtype == b.dtype and a.size == b.size,
        f"{a.dtype} {sides(a.shape)} to {b.dtype} {sides(b.shape)}",
    )


def has_constant_shape(graph: Graph, op: Op) -> Verdict:
    """The wanted shape is a constant.

    Export with a fixed input shape.
    """
    computed = [t for t in tensors_of(graph, op.inputs[1:]) if t.data is None]
    return not computed, "a computed shape"


def broadcasts_to_output(graph: Graph, op: Op) -> Verdict:
    """The inputs broadcast to the output, with at most four dimensions.

    Reshape the smaller operand first.
    """
    shapes = [graph.tensors[i].shape for i in op.inputs[:2]]
    output = output_of(graph, op).shape
    detail = f"{sides(shapes[0])} and {sides(shapes[1])} to {sides(output)}"
    try:
        joined = np.broadcast_shapes(*shapes)
    except ValueError:
        return False, detail
    return joined == output and len(output) <= 4, detail


def has_moderate_output_scale(graph: Graph, op: Op) -> Verdict:
    """The larger of the inputs' scales is below 2^19 (int16: 2^14) times the output's.

    Calibrate with representative data and convert again.
    """
    scales = [t.quant.scale[0] for t in tensors_of(graph, op.inputs) if t.quant]
    q = output_of(graph, op).quant
    assert q is not None
    limit = 2**14 if output_of(graph, op).dtype == "int16" else 2**19
    return max(scales) / q.scale[0] < limit, (
        f"input scales up to {max(scales):g}, output scale {q.scale[0]:g}"
    )


def has_constant_paddings(graph: Graph, op: Op) -> Verdict:
    """Paddings are a constant of two values of 0 or more per dimension and give the output's shape.

    Use a padding layer with fixed amounts and at most four dimensions.
    """
    source, output, amounts = (
        source_of(graph, op),
        output_of(graph, op),
        graph.tensors[op.inputs[1]],
    )
    rank = len(source.shape)
    if amounts.data is None:
        return False, "computed paddings"
    if rank > 4 or amounts.size != 2 * rank:
        return False, f"{amounts.size} paddings for {rank} dimensions"
    pairs = [(int(a), int(b)) for a, b in amounts.data.reshape(rank, 2)]
    grown = tuple(a + size + b for size, (a, b) in zip(source.shape, pairs, strict=True))
    valid = all(min(p) >= 0 for p in pairs) and grown == output.shape
    return valid, f"{pairs} for {sides(source.shape)} to {sides(output.shape)}"


def concatenates_few(graph: Graph, op: Op) -> Verdict:
    """At most 10 inputs are joined, without a fused activation.

    Join in two steps.
    """
    assert isinstance(op.options, g.Concatenation)
    count, activation = len(op.inputs), op.options.activation
    return (
        count <= MAX_CONCATENATED and activation == "none",
        f"{count} inputs, activation {activation}",
    )


def fills_output_along_axis(graph: Graph, op: Op) -> Verdict:
    """The inputs differ only along the axis and fill the output.

    Export the model again; the file contradicts itself.
    """
    assert isinstance(op.options, g.Concatenation)
    output = output_of(graph, op).shape
    axis = op.options.axis
    shapes = [graph.tensors[i].shape for i in op.inputs]
    detail = f"{', '.join(map(sides, shapes))} along axis {axis} to {sides(output)}"
    if not -len(output) <= axis < len(output):
        return False, detail
    axis %= len(output)
    if any(len(s) != len(output) for s in shapes):
        return False, detail
    around = {(*s[:axis], *s[axis + 1 :]) for s in (*shapes, output)}
    return len(around) == 1 and sum(s[axis] for s in shapes) == output[axis], detail
