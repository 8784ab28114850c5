"""Models that break one constraint of `convert.constraints_recurrent` each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert import constraints_recurrent as c
from tests import tflite_builder as build
from tests.recurrent_cases import lstm, svdf

BrokenModel = tuple[Callable, str, bytes, str]


def _edited(data: bytes, change: Callable) -> bytes:
    model = build.unpack(data)
    change(model.subgraphs[0], model.subgraphs[0].operators[0])
    return build.pack(model)


def _shaped(data: bytes, index: int, shape: list[int]) -> bytes:
    return _edited(data, lambda sub, op: setattr(sub.tensors[index], "shape", shape))


def _scaled(data: bytes, index: int, scale: list[float], zero_point: list[int]) -> bytes:
    def change(sub, op):
        quantization = sub.tensors[index].quantization
        quantization.scale, quantization.zeroPoint = scale, zero_point

    return _edited(data, change)


def _computed(data: bytes, index: int) -> bytes:
    def change(sub, op):
        sub.tensors[index].buffer = 0
        sub.inputs = [*sub.inputs, index]

    return _edited(data, change)


def _constant_state() -> bytes:
    """An SVDF whose state is the graph's second input."""

    def change(sub, op):
        sub.tensors[4].isVariable = False
        sub.inputs = [*sub.inputs, 4]

    return _edited(svdf(), change)


def _with_peephole(sub, op) -> None:
    op.inputs = [1 if place == 9 else index for place, index in enumerate(op.inputs)]


_HEAVY = [np.full((1, 70000), 127)] + [np.zeros((1, 70000), int)] * 3 + [np.zeros((1, 1), int)] * 4

BROKEN: list[BrokenModel] = [
    (c.is_a_plain_lstm, "relu", lstm(activation="relu"), "activation relu"),
    (c.is_a_plain_lstm, "peephole", _edited(lstm(), _with_peephole), "inputs (0, 1, 2"),
    (c.keeps_its_states, "lstm", _constant_state(), "no variable"),
    (c.has_constant_plain_weights, "computed", _computed(svdf(), 3), 'computed tensor 3 "bias"'),
    (c.has_constant_plain_weights, "zero point", _scaled(svdf(), 1, [0.1], [3]), "zero point 3"),
    (
        c.has_constant_plain_weights,
        "channels",
        _scaled(lstm(), 1, [0.1, 0.1, 0.1], [0, 0, 0]),
        "scales (0.1",
    ),
    (c.has_lstm_shapes, "output", _shaped(lstm(), 15, [1, 4, 7]), "1x4x7 for the output"),
    (c.has_lstm_shapes, "state", _shaped(lstm(), 14, [1, 9]), "9 values for a state"),
    (c.has_lstm_scales, "cells", lstm(cell_scale=0.001), "scale 0.001"),
    (c.has_lstm_scales, "cells of 2", lstm(cell_scale=2.0), "scale 2"),
    (c.has_lstm_scales, "output", lstm(output_q=(1 / 128, 5)), "for the output"),
    (c.has_svdf_shapes, "units", _shaped(svdf(), 5, [1, 9]), "1x6, 8x6, 8x5, 1x9, rank 2"),
    (c.has_svdf_scales, "relu", svdf(activation="relu", output_q=(0.1, 0)), "zero point 0"),
    (c.has_svdf_bias_scale, "bias", _scaled(svdf(), 3, [0.1], [0]), "0.1 instead of"),
    (c.has_svdf_scales, "relu6", svdf(activation="relu6"), "activation relu6"),
    (
        c.has_bounded_gate_sums,
        "many inputs",
        lstm(depth=70000, units=1, weight_data=_HEAVY),
        "up to 22",
    ),
    (c.has_moderate_gate_scales, "state", svdf(state_q=(1e-20, 0)), "e+"),
]
