"""From a Graph to the integers that each operator computes with: one set for every back end.

`prepare_op(graph, op)` does what TFLite Micro's Prepare functions do: it turns the scales of a
model into multipliers, shifts, offsets, paddings and tables. The reference interpreter
(`simulate.reference`) and the C emitter (`convert.emit_aot`) both start from these objects, so that
they cannot disagree about a number. Formulas and their sources: docs/SPEC.md, "Rounding contract".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert import prepare_binary as binary
from convert import prepare_picks as picks
from convert import prepare_plain as plain
from convert import prepare_recurrent as recurrent
from convert import prepare_tables as tables
from convert import prepare_weighted as weighted
from convert import prepare_wide as wide
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import Graph, Op
from convert.params import Params
from convert.prepare_checks import where

__all__ = ["Params", "prepare_graph", "prepare_op"]

_PREPARE: dict[str, Callable[[Graph, Op], Params]] = {
    "ABS": tables.prepare_abs,
    "ADD": binary.prepare_add,
    "ASSIGN_VARIABLE": plain.prepare_reshape,
    "AVERAGE_POOL_2D": weighted.prepare_pool,
    "CONCATENATION": plain.prepare_concatenation,
    "CONV_2D": weighted.prepare_conv,
    "DEPTHWISE_CONV_2D": weighted.prepare_depthwise,
    "DEPTH_TO_SPACE": picks.prepare_pick,
    "DEQUANTIZE": plain.prepare_dequantize,
    "ELU": tables.prepare_elu,
    "EXPAND_DIMS": plain.prepare_reshape,
    "FULLY_CONNECTED": weighted.prepare_fully_connected,
    "GATHER": picks.prepare_pick,
    "HARD_SWISH": tables.prepare_hard_swish,
    "LEAKY_RELU": tables.prepare_leaky_relu,
    "LOGISTIC": tables.prepare_logistic,
    "MAXIMUM": binary.prepare_extreme,
    "MAX_POOL_2D": weighted.prepare_pool,
    "MEAN": plain.prepare_mean,
    "MINIMUM": binary.prepare_extreme,
    "MIRROR_PAD": picks.prepare_pick,
    "MUL": binary.prepare_mul,
    "PACK": plain.prepare_pack,
    "PAD": plain.prepare_pad,
    "PADV2": plain.prepare_pad,
    "PRELU": binary.prepare_prelu,
    "QUANTIZE": tables.prepare_quantize,
    "READ_VARIABLE": plain.prepare_reshape,
    "REDUCE_MAX": plain.prepare_reduce_extreme,
    "REDUCE_MIN": plain.prepare_reduce_extreme,
    "RELU": tables.prepare_relu,
    "RELU6": tables.prepare_relu6,
    "RESHAPE": plain.prepare_reshape,
    "RESIZE_NEAREST_NEIGHBOR": picks.prepare_pick,
    "SLICE": plain.prepare_copy,
    "SOFTMAX": plain.prepare_softmax,
    "SPACE_TO_DEPTH": picks.prepare_pick,
    "SPLIT": plain.prepare_copy,
    "SPLIT_V": plain.prepare_copy,
    "SQUEEZE": plain.prepare_reshape,
    "SQUARED_DIFFERENCE": binary.prepare_squared_difference,
    "STRIDED_SLICE": plain.prepare_copy,
    "SUB": binary.prepare_sub,
    "SUM": plain.prepare_sum,
    "SVDF": recurrent.prepare_svdf,
    "TANH": tables.prepare_tanh,
    "TRANSPOSE": plain.prepare_copy,
    "TRANSPOSE_CONV": weighted.prepare_transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.prepare_lstm,
    "UNPACK": plain.prepare_copy,
}


# Inputs that must be there; the others may be absent.
_NEEDED = {
    "ADD": 2,
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "GATHER": 2,
    "MAXIMUM": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MIRROR_PAD": 2,
    "MUL": 2,
    "PAD": 2,
    "PADV2": 3,
    "PRELU": 2,
    "REDUCE_MAX": 2,
    "REDUCE_MIN": 2,
    "SQUARED_DIFFERENCE": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "SLICE": 3,
    "SPLIT": 2,
    "SPLIT_V": 3,
    "STRIDED_SLICE": 4,
    "SUB": 2,
    "SUM": 2,
    "SVDF": 5,
    "TRANSPOSE": 2,
    "TRANSPOSE_CONV": 2,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 24,
}


def prepare_op(graph: Graph, op: Op) -> Params:
    """The integers of one operator; the class follows `op.kind` (QUANTIZE: its input's type).

    Raises:
        UnsupportedModelError: the operator or its types are not among those above.
        ModelError: scales or shapes break a rule that TFLite Micro checks or relies on.
    """
    prepare = _PREPARE.get(op.kind)
    if prepare is None:
        raise UnsupportedModelError(
            f"{where(op)} must be one of {', '.join(sorted(_PREPARE))}. Received: {op.kind}."
        )
    needed = _NEEDED.get(op.kind, 1)
    if len(op.inputs) < needed or len(op.outputs) != 1:
        raise ModelError(
            f"{where(op)} must have {needed} inputs or more and one output. Received: "
            f"{len(op.inputs)} and {len(op.outputs)}."
        )
    for index in (*op.inputs, *op.outputs):
        if index != -1 and min(graph.tensors[index].shape, default=1) < 1:
            raise ModelError(
                f"{where(op)} must have dimensions of 1 and more. Received: "
                f"{graph.tensors[index].shape} for tensor {index}."
            )
    with np.errstate(over="ignore", under="ignore"):  # float32 quotients; results are checked
        return wide.prepare_wide(graph, op) if wide.is_wide(graph, op) else prepare(graph, op)


def prepare_graph(graph: Graph) -> tuple[Params, ...]:
    """`prepare_op` of every operator, in execution order."""
    return tuple(prepare_op(graph, op) for op in graph.ops)
