"""What the C target demands of a model: one function per constraint.

Each returns (valid, detail). The first paragraph of its docstring is what must hold and stands in
the error message; the second is the way out. Both stand in docs/SUPPORTED_OPS.md. `detail` says
what was received. Constraints of an operator are asked in order and the first broken one is
reported, so later ones may rely on earlier ones.

The rules are those of TFLite Micro's Prepare functions (tensorflow/lite/micro/kernels/*_common.cc)
plus what those trust the converter to keep: shapes that agree and sums that stay within int32.
"""

from __future__ import annotations

import math

import numpy as np

from convert import graph as g
from convert.graph import Graph, Op, Tensor, shown

Verdict = tuple[bool, str]

MAX_ACTIVATION_BYTES = 4 << 20
MAX_CONCATENATED = 10
MAX_CLASSES = 511
_INT32_MAX = 2**31 - 1
_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_IN_OUT = {"QUANTIZE", "DEQUANTIZE"}


def _tensors(graph: Graph, indices: tuple[int, ...]) -> list[Tensor]:
    return [graph.tensors[i] for i in indices if i != -1]


def _name(tensor: Tensor) -> str:
    return f'tensor {tensor.index} "{shown(tensor.name)}"'


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) if shape else "scalar"


def _source(graph: Graph, op: Op) -> Tensor:
    return graph.tensors[op.inputs[0]]


def _output(graph: Graph, op: Op) -> Tensor:
    return graph.tensors[op.outputs[0]]


# Of the whole model -------------------------------------------------------------------------------


def model_has_operators(graph: Graph) -> Verdict:
    """A model has at least one input, one output and one operator.

    Export the model again.
    """
    counts = len(graph.inputs), len(graph.outputs), len(graph.ops)
    return min(counts) > 0, "{} inputs, {} outputs, {} operators".format(*counts)


def model_is_int8(graph: Graph) -> Verdict:
    """A model computes in int8 or int16; others stand only before QUANTIZE and after DEQUANTIZE.

    Quantize it: post-training with representative data, or quantization-aware (schemes ptq_int8,
    qat_int8).
    """
    total = 0
    found: Op | None = None
    kinds: set[str] = set()
    weights: set[str] = set()
    for op in graph.ops:
        around = _tensors(graph, (*op.inputs, *op.outputs))
        computed = [t for t in around if t.data is None and not t.state]
        types = {t.dtype for t in computed} & {"float32", "uint8", "other"}
        if op.kind in _IN_OUT:
            types -= {"float32", "uint8"}
        if types:
            total += 1
            found = found or op
            kinds |= types
            weights |= {t.dtype for t in _tensors(graph, op.inputs) if t.data is not None}
    if found is None:
        return True, ""
    what = " and ".join(sorted(kinds)).replace("other", "another type")
    if "float32" in kinds and "int8" in weights:
        what += " with int8 weights (dynamic range)"
    return False, f"{what} in {total} of {len(graph.ops)} operators, first {found.kind}"


def model_has_batch_1(graph: Graph) -> Verdict:
    """A model takes one clip at a time: the first dimension of each input is 1.

    Fix the batch size to 1 when exporting.
    """
    for tensor in _tensors(graph, graph.inputs):
        if len(tensor.shape) > 1 and tensor.shape[0] != 1:
            return False, f"{_shape(tensor.shape)} for {_name(tensor)}"
    return True, ""


def model_computes_its_outputs(graph: Graph) -> Verdict:
    """Each output of a model is the output of an operator.

    Remove outputs that are inputs or constants.
    """
    written = {i for op in graph.ops for i in op.outputs}
    for tensor in _tensors(graph, graph.outputs):
        if tensor.index not in written:
            return False, _name(tensor)
    return True, ""


# Of every operator --------------------------------------------------------------------------------


def has_static_shapes(graph: Graph, op: Op) -> Verdict:
    """Every dimension is known and 1 or more.

    Export with a fixed input shape.
    """
    for tensor in _tensors(graph, (*op.inputs, *op.outputs)):
        if min(tensor.shape, default=1) < 1:
            return False, f"{_shape(tensor.shape)} for {_name(tensor)}"
    return True, ""


def fits_a_microcontroller(graph: Graph, op: Op) -> Verdict:
    """Inputs and outputs have at most 4 MiB each.

    Use a smaller model or shorter clips.
    """
    for tensor in _tensors(graph, (*op.inputs, *op.outputs)):
        if tensor.data is None and tensor.nbytes > MAX_ACTIVATION_BYTES:
            return False, f"{tensor.nbytes} bytes for {_name(tensor)}"
    return True, ""


def is_quantized(graph: Graph, op: Op) -> Verdict:
    """Integer inputs and outputs have one positive, finite scale and a zero point in range.

    The zero point of int16 is 0: convert the model with the TFLite converter.
    """
    data_inputs = op.inputs if op.kind in ("ADD", "CONCATENATION") else op.inputs[:1]
    for tensor in _tensors(graph, (*data_inputs, *op.outputs)):
        if tensor.dtype not in ("int8", "uint8", "int16"):
            continue
        q = tensor.quant
        if q is None:
            return False, f"no quantization for {_name(tensor)}"
        if len(q.scale) != 1 or len(q.zero_point) != 1:
            return False, f"{len(q.scale)} scales for {_name(tensor)}"
        if not 0 < q.scale[0] < math.inf:
            return False, f"scale {q.scale[0]:g} for {_name(tensor)}"
        low, high = {"int8": (-128, 127), "uint8": (0, 255)}.get(tensor.dtype, (0, 0))
        if not low <= q.zero_point[0] <= high:
            return False, f"zero point {q.zero_point[0]} for {_name(tensor)}"
    return True, ""


def has_computed_input(graph: Graph, op: Op) -> Verdict:
    """The first input is computed, not constant (ADD and CONCATENATION: at least one is).

    Fold constants before exporting.
    """
    among = op.inputs if op.kind in ("ADD", "CONCATENATION") else op.inputs[:1]
    if all(t.data is not None for t in _tensors(graph, among)):
        return False, "constants only"
    return True, ""


# Of operators with weights ------------------------------------------------------------------------


def has_constant_weights(graph: Graph, op: Op) -> Verdict:
    """Weights and bias are constants.

    Freeze the model before exporting.
    """
    for tensor in _tensors(graph, op.inputs[1:3]):
        if tensor.data is None:
            return False, f"computed {_name(tensor)}"
    return True, ""


def has_symmetric_weights(graph: Graph, op: Op) -> Verdict:
    """Weights have a zero point of 0.

    Convert with the current TFLite converter, whose int8 weights are symmetric.
    """
    weights = graph.tensors[op.inputs[1]]
    zero_points = set(weights.quant.zero_point) if weights.quant else set()
    return zero_points <= {0}, f"zero point {next(iter(zero_points - {0}), 0)} for {_name(weights)}"


def has_weight_scales(graph: Graph, op: Op) -> Verdict:
    """Weights have one positive scale, or one of 0 or more for each output channel.

    Convert the model to full int8.
    """
    weights = graph.tensors[op.inputs[1]]
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    q = weights.quant
    if q is None:
        return False, f"no quantization for {_name(weights)}"
    if not all(0 <= s < math.inf for s in q.scale) or q.scale == (0.0,):
        return False, f"a scale that is 0, negative or not finite for {_name(weights)}"
    if q.per_channel and q.axis != axis:
        return False, f"{len(q.scale)} scales along axis {q.axis} for {_name(weights)}"
    return True, ""


def has_one_scale_of_int4(graph: Graph, op: Op) -> Verdict:
    """int4 weights have one scale; TFLite Micro runs them so only.

    Convert with per-channel quantization of dense layers turned off.
    """
    weights = graph.tensors[op.inputs[1]]
    scales = len(weights.quant.scale) if weights.quant else 0
    return weights.dtype != "int4" or scales == 1, f"{scales} scales for {_name(weights)}"


def has_fitting_bias(graph: Graph, op: Op) -> Verdict:
    """The bias is absent or has one dimension, with one value per output channel.

    Export the model again.
    """
    if len(op.inputs) < 3 or op.inputs[2] == -1:
        return True, ""
    channels = _output(graph, op).shape[-1]
    bias = graph.tensors[op.inputs[2]]
    return bias.shape == (channels,), f"{_shape(bias.shape)} values for {channels} channels"


def has_matching_bias_scale(graph: Graph, op: Op) -> Verdict:
    """With one weight scale: |input scale * weight scale - bias scale| / output scale <= 0.02.

    Convert the model again; its bias is quantized with another scale than the sums.
    """
    weights, bias = graph.tensors[op.inputs[1]].quant, op.inputs[2:3]
    source, output = _source(graph, op).quant, _output(graph, op).quant
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
    if _source(graph, op).dtype == "int16":  # see has_bounded_wide_sums
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


def has_moderate_rescaling(graph: Graph, op: Op) -> Verdict:
    """Input scale (times weight scale) / output scale is below 2^30.

    Calibrate with representative data and convert again.
    """
    if _source(graph, op).dtype == "float32":  # QUANTIZE from float32 divides
        return True, ""
    source, output = _source(graph, op).quant, _output(graph, op).quant
    weights = graph.tensors[op.inputs[1]].quant if op.kind in _WEIGHTED else None
    assert source is not None and output is not None
    largest = source.scale[0] * (max(weights.scale) if weights else 1.0) / output.scale[0]
    return largest < 2**30, f"{largest:g}"


def has_known_activation(graph: Graph, op: Op) -> Verdict:
    """The fused activation is none, RELU, RELU6 or RELU_N1_TO_1.

    Use a separate activation layer.
    """
    activation = getattr(op.options, "activation", "none")
    return activation in ("none", "relu", "relu6", "relu_n1_to_1"), activation


# Of windows ---------------------------------------------------------------------------------------


def has_four_dimensions(graph: Graph, op: Op) -> Verdict:
    """Inputs, outputs and weights have four dimensions (batch, height, width, channels).

    Use a two-dimensional layer.
    """
    for tensor in _tensors(graph, (*op.inputs[:2], *op.outputs)):
        if len(tensor.shape) != 4:
            return False, f"{_shape(tensor.shape)} for {_name(tensor)}"
    return True, ""


def has_matching_window(graph: Graph, op: Op) -> Verdict:
    """Batch, height and width of the output follow from the options; windows reach at most 32768.

    Export the model again; the file contradicts itself.
    """
    o = op.options
    assert isinstance(o, g.Conv2D | g.DepthwiseConv2D | g.Pool2D)
    source, output = _source(graph, op).shape, _output(graph, op).shape
    if isinstance(o, g.Pool2D):
        window, dilation = o.window, (1, 1)
    else:
        weights = graph.tensors[op.inputs[1]].shape
        window, dilation = (weights[1], weights[2]), o.dilation
    expected = [source[0]]
    for axis in (0, 1):
        size, stride = source[1 + axis], o.stride[axis]
        reach = (window[axis] - 1) * dilation[axis] + 1
        if max(stride, reach) > 1 << 15:  # TFLite Micro keeps paddings in int16
            return False, f"a window of {reach} with stride {stride}"
        expected.append(-(-size // stride) if o.padding == "same" else (size - reach) // stride + 1)
    return (
        list(output[:3]) == expected,
        f"{_shape(output)} where {_shape(tuple(expected))} must come first",
    )


def has_matching_channels(graph: Graph, op: Op) -> Verdict:
    """Channels of input, weights and output agree (CONV_2D: groups divide them).

    Export the model again; the file contradicts itself.
    """
    source, output = _source(graph, op).shape, _output(graph, op).shape
    detail = f"input {_shape(source)}, output {_shape(output)}"
    if isinstance(op.options, g.Pool2D):
        return source[3] == output[3], detail
    weights = graph.tensors[op.inputs[1]].shape
    detail += f", weights {_shape(weights)}"
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
    a, b = _source(graph, op).quant, _output(graph, op).quant
    assert a is not None and b is not None
    same = abs(a.scale[0] - b.scale[0]) <= 1e-6 and a.zero_point == b.zero_point
    return same, f"scales {a.scale[0]:g} and {b.scale[0]:g}, {a.zero_point} and {b.zero_point}"


# Of the others ------------------------------------------------------------------------------------


def has_equal_quantization(graph: Graph, op: Op) -> Verdict:
    """All inputs and the output have the same scale and zero point.

    Convert with the TFLite converter, which keeps them equal or inserts QUANTIZE.
    """
    b = _output(graph, op).quant
    inputs = op.inputs if op.kind == "CONCATENATION" else op.inputs[:1]
    for tensor in _tensors(graph, inputs):
        a = tensor.quant
        assert a is not None and b is not None
        if a.scale != b.scale or a.zero_point != b.zero_point:
            return False, (
                f"{a.scale[0]:g}, {a.zero_point[0]} for {_name(tensor)} and "
                f"{b.scale[0]:g}, {b.zero_point[0]} for the output"
            )
    return True, ""


def has_uint8_at_the_edges(graph: Graph, op: Op) -> Verdict:
    """Of input and output, one is int8, or both are int16; float32 can only become int8.

    Convert with int8 inputs and outputs.
    """
    a, b = _source(graph, op).dtype, _output(graph, op).dtype
    return "int8" in (a, b) or (a, b) == ("int16", "int16"), f"{a} to {b}"


def has_relu6_quantization(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same scale and zero point; TFLite Micro's RELU6 does not rescale.

    Fuse RELU6 into the layer before (activation="relu6", or batch normalisation between them).
    """
    return has_equal_quantization(graph, op)


def has_equal_shapes(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same shape.

    Export the model again; the file contradicts itself.
    """
    a, b = _source(graph, op).shape, _output(graph, op).shape
    return a == b, f"{_shape(a)} and {_shape(b)}"


def has_matrix_weights(graph: Graph, op: Op) -> Verdict:
    """Weights are (units, depth), the input holds rows of depth, the output rows of units.

    Flatten the input before the layer.
    """
    source, output = _source(graph, op), _output(graph, op)
    weights = graph.tensors[op.inputs[1]]
    detail = ", ".join(_shape(t.shape) for t in (source, weights, output))
    if len(weights.shape) != 2 or not output.shape:
        return False, detail
    units, depth = weights.shape
    rows = output.size // units
    return (
        output.shape[-1] == units and source.size == rows * depth and output.size == rows * units,
        detail,
    )


def has_probability_output(graph: Graph, op: Op) -> Verdict:
    """The output has scale 1/256 and zero point -128, or as int16 (SOFTMAX) a scale of 1/32768.

    Convert with the TFLite converter, which sets them so.
    """
    q = _output(graph, op).quant
    assert q is not None
    if _output(graph, op).dtype == "int16":
        return abs(q.scale[0] * 32768 - 1) <= 0.001, f"scale {q.scale[0]:g}"
    return (
        q.scale == (1 / 256,) and q.zero_point == (-128,),
        f"scale {q.scale[0]:g}, zero point {q.zero_point[0]}",
    )


def has_usable_beta(graph: Graph, op: Op) -> Verdict:
    """The factor beta is finite, and beta * input scale is above 2^-26.

    Leave beta at 1.
    """
    assert isinstance(op.options, g.Softmax)
    q = _source(graph, op).quant
    assert q is not None
    beta = op.options.beta
    return math.isfinite(beta) and beta * q.scale[0] * 2**26 > 1, f"beta {beta:g}"


def has_few_classes(graph: Graph, op: Op) -> Verdict:
    """SOFTMAX goes over at most 511 values, along the last of one or more dimensions.

    Use fewer words.
    """
    shape = _source(graph, op).shape
    return len(shape) > 0 and shape[-1] <= MAX_CLASSES, _shape(shape)


def has_usable_input_scale(graph: Graph, op: Op) -> Verdict:
    """The input's scale is at least 2^-27 and below 8.

    Calibrate with representative data and convert again.
    """
    q = _source(graph, op).quant
    assert q is not None
    return 2**-27 <= q.scale[0] < 8, f"{q.scale[0]:g}"


def has_constant_axes(graph: Graph, op: Op) -> Verdict:
    """Axes are a constant, within an input of at most four dimensions, and give the output's shape.

    Use a pooling layer with a fixed shape.
    """
    source, output, axes = _source(graph, op), _output(graph, op), graph.tensors[op.inputs[1]]
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
    detail = f"{_shape(source.shape)} over axes {values} to {_shape(output.shape)}"
    return list(output.shape) == kept, detail


def keeps_its_elements(graph: Graph, op: Op) -> Verdict:
    """Input and output have the same element type and number of elements.

    Export with a fixed input shape, batch size included; the file contradicts itself.
    """
    a, b = _source(graph, op), _output(graph, op)
    return (
        a.dtype == b.dtype and a.size == b.size,
        f"{a.dtype} {_shape(a.shape)} to {b.dtype} {_shape(b.shape)}",
    )


def has_constant_shape(graph: Graph, op: Op) -> Verdict:
    """The wanted shape is a constant.

    Export with a fixed input shape.
    """
    computed = [t for t in _tensors(graph, op.inputs[1:]) if t.data is None]
    return not computed, "a computed shape"


def broadcasts_to_output(graph: Graph, op: Op) -> Verdict:
    """The inputs broadcast to the output, with at most four dimensions.

    Reshape the smaller operand first.
    """
    shapes = [graph.tensors[i].shape for i in op.inputs[:2]]
    output = _output(graph, op).shape
    detail = f"{_shape(shapes[0])} and {_shape(shapes[1])} to {_shape(output)}"
    try:
        joined = np.broadcast_shapes(*shapes)
    except ValueError:
        return False, detail
    return joined == output and len(output) <= 4, detail


def has_moderate_output_scale(graph: Graph, op: Op) -> Verdict:
    """The larger of the inputs' scales is below 2^19 (int16: 2^14) times the output's.

    Calibrate with representative data and convert again.
    """
    scales = [t.quant.scale[0] for t in _tensors(graph, op.inputs) if t.quant]
    q = _output(graph, op).quant
    assert q is not None
    limit = 2**14 if _output(graph, op).dtype == "int16" else 2**19
    return max(scales) / q.scale[0] < limit, (
        f"input scales up to {max(scales):g}, output scale {q.scale[0]:g}"
    )


def has_constant_paddings(graph: Graph, op: Op) -> Verdict:
    """Paddings are a constant of two values of 0 or more per dimension and give the output's shape.

    Use a padding layer with fixed amounts and at most four dimensions.
    """
    source, output, amounts = _source(graph, op), _output(graph, op), graph.tensors[op.inputs[1]]
    rank = len(source.shape)
    if amounts.data is None:
        return False, "computed paddings"
    if rank > 4 or amounts.size != 2 * rank:
        return False, f"{amounts.size} paddings for {rank} dimensions"
    pairs = [(int(a), int(b)) for a, b in amounts.data.reshape(rank, 2)]
    grown = tuple(a + size + b for size, (a, b) in zip(source.shape, pairs, strict=True))
    valid = all(min(p) >= 0 for p in pairs) and grown == output.shape
    return valid, f"{pairs} for {_shape(source.shape)} to {_shape(output.shape)}"


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
    output = _output(graph, op).shape
    axis = op.options.axis
    shapes = [graph.tensors[i].shape for i in op.inputs]
    detail = f"{', '.join(map(_shape, shapes))} along axis {axis} to {_shape(output)}"
    if not -len(output) <= axis < len(output):
        return False, detail
    axis %= len(output)
    if any(len(s) != len(output) for s in shapes):
        return False, detail
    around = {(*s[:axis], *s[axis + 1 :]) for s in (*shapes, output)}
    return len(around) == 1 and sum(s[axis] for s in shapes) == output[axis], detail
