"""What the C target demands of int16 values; see `convert.constraints`, whose form these keep."""

from __future__ import annotations

import numpy as np

from convert.constraints import Verdict, named
from convert.graph import CHANNEL_AXES, Conv2D, FullyConnected, Graph, Op, Tensor

_LARGEST_SUM = 2**47 - 1


def _tensor(graph: Graph, op: Op, position: int) -> Tensor | None:
    if len(op.inputs) <= position or op.inputs[position] == -1:
        return None
    return graph.tensors[op.inputs[position]]


def _is_wide(graph: Graph, op: Op) -> bool:
    return graph.tensors[op.inputs[0]].dtype == "int16"


def keeps_one_type(graph: Graph, op: Op) -> Verdict:
    """Values going in and coming out are all int8 or all int16, but for QUANTIZE and DEQUANTIZE.

    Convert the whole model with one scheme (ptq_int8, qat_int8, ptq_int16x8).
    """
    if op.kind in ("QUANTIZE", "DEQUANTIZE"):
        return True, ""
    tensors = [graph.tensors[i] for i in (*op.values, *op.outputs[:1]) if i != -1]
    types = {t.dtype for t in tensors}
    if op.kind == "SOFTMAX" and tensors[0].dtype == "int8":
        return True, ""
    return "int16" not in types or len(types) == 1, " and ".join(sorted(types))


def has_fitting_types(graph: Graph, op: Op) -> Verdict:
    """int8 values go with biases of int32, int16 values with int8 weights and biases of int64.

    Convert with the TFLite converter's own bias type, and leave 4-bit weights to int8 models.
    """
    weights, bias = _tensor(graph, op, 1), _tensor(graph, op, 2)
    wide = _is_wide(graph, op)
    if bias is not None and bias.dtype != ("int64" if wide else "int32"):
        return False, f"{bias.dtype} for {named(bias)}"
    if wide and weights is not None and weights.dtype != "int8":
        return False, f"{weights.dtype} for {named(weights)}"
    options = op.options
    narrow = isinstance(options, Conv2D | FullyConnected) and options.int32_sums
    return not (wide and narrow), "no bias, and a bias type of int32"


def has_bounded_wide_sums(graph: Graph, op: Op) -> Verdict:
    """With int16 values, 32768 * sum of |weights| + |bias| is below 2^47.

    Use fewer inputs per output or a smaller bias.
    """
    weights, bias = _tensor(graph, op, 1), _tensor(graph, op, 2)
    if not _is_wide(graph, op) or weights is None or weights.data is None:
        return True, ""
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    sums = np.abs(weights.data.astype(np.int32)).sum(axis=others, dtype=np.int64)
    # As Python integers: the bias of a foreign file may be -2^63.
    added = [0] * sums.size if bias is None or bias.data is None else bias.data.ravel().tolist()
    worst = max(32768 * int(s) + abs(int(b)) for s, b in zip(sums, added, strict=True))
    return worst <= _LARGEST_SUM, f"up to {worst}"


def has_moderate_wide_rescaling(graph: Graph, op: Op) -> Verdict:
    """With int16 or int32 values, input (times weight) scale / output scale stays below a bound.

    The bound is 2^7 with weights and 2^15 without: calibrate with representative data and convert
    again.
    """
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    if not {"int16", "int32"} & {source.dtype, output.dtype} or source.quant is None:
        return True, ""
    weights = _tensor(graph, op, 1) if op.kind in CHANNEL_AXES else None
    factor = max(weights.quant.scale) if weights is not None and weights.quant else 1.0
    assert output.quant is not None
    largest = source.quant.scale[0] * factor / output.quant.scale[0]
    return largest < (2**15 if weights is None else 2**7), f"{largest:g}"


def has_usable_wide_beta(graph: Graph, op: Op) -> Verdict:
    """With int16 values, the factor beta * input scale is below 5.

    Leave beta at 1 and calibrate with representative data.
    """
    q = graph.tensors[op.inputs[0]].quant
    assert q is not None
    value = getattr(op.options, "beta", 1.0) * q.scale[0]
    # As `convert.prepare_wide` has it: a difference of 65535 must stay within int32.
    return not _is_wide(graph, op) or value / (10.0 / 65535.0) < 2**15, f"{value:g}"
