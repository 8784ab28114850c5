"""Cases of int8 operators with one input, on all of its values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests import tflite_builder as tb
from tests.op_cases.drawing import ZERO_POINTS, Made, every_value, quant, rng_of, scale_between

_SCALES = (0.001, 0.01, 0.03, 1 / 16, 0.1, 0.13, 0.25, 0.5, 1.0, 3.7, 7.0)


def tanh_cases() -> Iterator[Made]:
    for scale in _SCALES:
        for zero_point in (-128, 31):
            model = tb.tanh(shape=(1, 256), input_q=(scale, zero_point))
            yield f"scale{scale:g}_zero{zero_point}", model, every_value(), True


def leaky_relu_cases() -> Iterator[Made]:
    for i in range(18):
        rng = rng_of(f"leaky_relu {i}")
        a, b = quant(rng, 0.01, 0.1), quant(rng, 0.01, 0.2)
        alpha = float(np.float32(rng.choice([0.01, 0.1, 0.2, 0.3, 1 / 3, 0.5, 1.0, 0.0, 1.7])))
        if i == 5:
            a, b, alpha = (0.125, 0), (0.5, -28), 0.5  # ties
        model = tb.leaky_relu(shape=(1, 256), input_q=a, output_q=b, alpha=alpha)
        yield f"{i:02}_slope{alpha:.3g}", model, every_value(), True


def hard_swish_cases() -> Iterator[Made]:
    for i in range(20):
        rng = rng_of(f"hard_swish {i}")
        a = quant(rng, 0.005, 1.0)
        b = (float(np.float32(a[0] * scale_between(rng, 0.1, 3.0))), int(rng.choice(ZERO_POINTS)))
        model = tb.hard_swish(shape=(1, 256), input_q=a, output_q=b)
        yield f"{i:02}_scale{a[0]:.3g}", model, every_value(), True
    extremes = {
        "large": ((250.0, 0), (250.0, 0)),
        "tiny": ((2e-6, 5), (2e-6, -5)),
        "to_coarse": ((0.05, 3), (6.0, -128)),
        "to_fine": ((0.1, 3), (0.001, 0)),
        "from_zero": ((0.0235, -128), (0.0235, -128)),
    }
    for label, (a, b) in extremes.items():
        model = tb.hard_swish(shape=(1, 256), input_q=a, output_q=b)
        yield label, model, every_value(), True
