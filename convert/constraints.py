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

from convert.graph import Graph, Op, Tensor, shown
from convert.prepare_checks import zero_points

Verdict = tuple[bool, str]

MAX_ACTIVATION_BYTES = 4 << 20
_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
_IN_OUT = {"QUANTIZE", "DEQUANTIZE"}


def tensors_of(graph: Graph, indices: tuple[int, ...]) -> list[Tensor]:
    """Those that are not absent."""
    return [graph.tensors[i] for i in indices if i != -1]


def source_of(graph: Graph, op: Op) -> Tensor:
    """The first input."""
    return graph.tensors[op.inputs[0]]


def output_of(graph: Graph, op: Op) -> Tensor:
    """The first output."""
    return graph.tensors[op.outputs[0]]


def named(tensor: Tensor) -> str:
    """How messages name a tensor."""
    return f'tensor {tensor.index} "{shown(tensor.name)}"'


def sides(shape: tuple[int, ...]) -> str:
    """How messages write a shape: (49, 10) is "49x10"."""
    return "x".join(map(str, shape)) if shape else "scalar"


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
        around = tensors_of(graph, (*op.inputs, *op.outputs))
        computed = [t for t in around if t.data is None and not t.state]
        types = {t.dtype for t in computed} & {"float32", "uint8", "other"}
        if op.kind in _IN_OUT:
            types -= {"float32", "uint8"}
        if types:
            total += 1
            found = found or op
            kinds |= types
            weights |= {t.dtype for t in tensors_of(graph, op.inputs) if t.data is not None}
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
    for tensor in tensors_of(graph, graph.inputs):
        if len(tensor.shape) > 1 and tensor.shape[0] != 1:
            return False, f"{sides(tensor.shape)} for {named(tensor)}"
    return True, ""


def model_computes_its_outputs(graph: Graph) -> Verdict:
    """Each output of a model is the output of an operator.

    Remove outputs that are inputs or constants.
    """
    written = {i for op in graph.ops for i in op.outputs}
    for tensor in tensors_of(graph, graph.outputs):
        if tensor.index not in written:
            return False, named(tensor)
    return True, ""


# Of every operator --------------------------------------------------------------------------------


def has_static_shapes(graph: Graph, op: Op) -> Verdict:
    """Every dimension is known and 1 or more.

    Export with a fixed input shape.
    """
    for tensor in tensors_of(graph, (*op.inputs, *op.outputs)):
        if min(tensor.shape, default=1) < 1:
            return False, f"{sides(tensor.shape)} for {named(tensor)}"
    return True, ""


def fits_a_microcontroller(graph: Graph, op: Op) -> Verdict:
    """Inputs and outputs have at most 4 MiB each.

    Use a smaller model or shorter clips.
    """
    for tensor in tensors_of(graph, (*op.inputs, *op.outputs)):
        if tensor.data is None and tensor.nbytes > MAX_ACTIVATION_BYTES:
            return False, f"{tensor.nbytes} bytes for {named(tensor)}"
    return True, ""


def is_quantized(graph: Graph, op: Op) -> Verdict:
    """Integer inputs and outputs have one positive, finite scale and a zero point in range.

    The zero point of int16 and int32 is 0 (but for int16 that SOFTMAX makes of int8): convert the
    model with the TFLite converter.
    """
    for tensor in tensors_of(graph, (*op.values, *op.outputs)):
        if tensor.dtype not in ("int8", "uint8", "int16", "int32"):
            continue
        q = tensor.quant
        if q is None:
            return False, f"no quantization for {named(tensor)}"
        if len(q.scale) != 1 or len(q.zero_point) != 1:
            return False, f"{len(q.scale)} scales for {named(tensor)}"
        if not 0 < q.scale[0] < math.inf:
            return False, f"scale {q.scale[0]:g} for {named(tensor)}"
        low, high = zero_points(op.kind, tensor.dtype)
        if not low <= q.zero_point[0] <= high:
            return False, f"zero point {q.zero_point[0]} for {named(tensor)}"
    return True, ""


def has_computed_input(graph: Graph, op: Op) -> Verdict:
    """The first input is computed, not constant (where several hold values: at least one is).

    Fold constants before exporting.
    """
    if all(t.data is not None for t in tensors_of(graph, op.values)):
        return False, "constants only"
    return True, ""


# Of operators of several kinds --------------------------------------------------------------------


def has_moderate_rescaling(graph: Graph, op: Op) -> Verdict:
    """Input scale (times weight scale) / output scale is below 2^30.

    Calibrate with representative data and convert again.
    """
    if source_of(graph, op).dtype == "float32":  # QUANTIZE from float32 divides
        return True, ""
    source, output = source_of(graph, op).quant, output_of(graph, op).quant
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


def has_expressible_activation(graph: Graph, op: Op) -> Verdict:
    """The limits of RELU6 and RELU_N1_TO_1 are below 2^31 steps of the output's scale.

    Calibrate with representative data and convert again.
    """
    name = op.kind.lower() if op.kind == "RELU6" else getattr(op.options, "activation", "none")
    q = output_of(graph, op).quant
    assert q is not None
    limit = {"relu6": 6.0, "relu_n1_to_1": 1.0}.get(name, 0.0)
    with np.errstate(over="ignore"):
        steps = np.float32(limit) / np.float32(q.scale[0])  # as `convert.prepare_checks` has it
    return bool(steps < 2.0**31), f"{limit:g} at a scale of {q.scale[0]:g}"


def has_equal_quantization(graph: Graph, op: Op) -> Verdict:
    """All inputs and the output have the same scale and zero point.

    Convert with the TFLite converter, which keeps them equal or inserts QUANTIZE.
    """
    b = output_of(graph, op).quant
    for tensor in tensors_of(graph, op.values):
        a = tensor.quant
        assert a is not None and b is not None
        if a.scale != b.scale or a.zero_point != b.zero_point:
            return False, (
                f"{a.scale[0]:g}, {a.zero_point[0]} for {named(tensor)} and "
                f"{b.scale[0]:g}, {b.zero_point[0]} for the output"
            )
    return True, ""
