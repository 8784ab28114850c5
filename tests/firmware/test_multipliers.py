"""Last bits of multipliers, where random inputs seldom look.

Each bias is chosen so that an output sits on a rounding edge: it differs when the product of input
and filter scale is rounded to float32 before the division instead of kept in double.
"""

from __future__ import annotations

import numpy as np
import pytest

from convert import fixedpoint as fp
from convert.tflite_reader import read
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb


def _edges(input_scale: float, filter_scale: float, output_scale: float) -> list[int]:
    """Accumulators for which the two multipliers give different outputs."""
    double = fp.quantize_multiplier(input_scale * filter_scale / output_scale)
    product = np.float32(input_scale) * np.float32(filter_scale)
    single = fp.quantize_multiplier(float(product) / output_scale)
    found = []
    for k in range(1, 120):
        middle = int((k + 0.5) * output_scale / (input_scale * filter_scale))
        near = np.arange(max(1, middle - 40), middle + 40).astype(np.int32)
        apart = fp.multiply_by_quantized_multiplier(
            near, *double
        ) != fp.multiply_by_quantized_multiplier(near, *single)
        found += near[apart][:2].tolist()
    return found


def _model(kind: str, scales: tuple[float, float, float], biases: list[int]) -> bytes:
    units = len(biases)
    common = {
        "input_q": (scales[0], 0),
        "output_q": (scales[2], 0),
        "weight_scale": scales[1],
        "bias_data": np.array(biases, np.int32),
    }
    if kind == "CONV_2D":
        return tb.conv_2d(height=1, width=1, channels=4, kernel=(1, 1), filters=units, **common)
    if kind == "DEPTHWISE_CONV_2D":
        size = {"height": 1, "width": 1, "channels": 1, "kernel": (1, 1)}
        return tb.depthwise_conv_2d(multiplier=units, **size, **common)
    per_channel = kind.endswith("per channel")
    return tb.fully_connected(inputs=4, units=units, per_channel=per_channel, **common)


@pytest.mark.parametrize(
    "kind",
    [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED per channel",
        "FULLY_CONNECTED per tensor",
    ],
)
def test_scales_are_multiplied_in_double(kind: str) -> None:
    rng = np.random.default_rng(1)
    compared = 0
    for _ in range(6):
        a, b = (float(np.float32(v)) for v in rng.uniform(0.01, 0.1, 2))
        scales = (a, b, float(np.float32(a * b * 10 ** rng.uniform(5, 6.5))))
        biases = _edges(*scales)
        if not biases:
            continue
        model = _model(kind, scales, biases)
        graph = read(model)
        zeros = np.zeros((1, *graph.tensors[graph.inputs[0]].shape[1:]), np.int8)
        expected = TflmBackend(model, guard=False).run(zeros)[graph.outputs[0]]
        found = ReferenceBackend(graph).run(zeros)[graph.outputs[0]]
        np.testing.assert_array_equal(found, expected)
        compared += expected.size
    assert compared > 300
