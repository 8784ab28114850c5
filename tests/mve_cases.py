"""Convolutions with more channels than a vector has lanes, for the kernels for Helium."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tests import tflite_builder as tb
from tests.op_cases import OpCase
from tests.op_cases.drawing import clips_of, described, rng_of, weighted_options, window

WIDE = 48


def mve_cases() -> Iterator[OpCase]:
    """More channels than a vector has lanes, with all the windows that the shared cases have."""
    for i in range(WIDE):
        rng = rng_of(f"helium {i}")
        options = window(rng, dilate=i % 8 == 7)
        if i % 3 == 0:
            sides, stride = rng.integers(2, 5, 2), rng.integers(1, 3, 2)
            options |= {
                "kernel": tuple(map(int, sides)),
                "stride": tuple(map(int, stride)),
                "dilation": (1, 1),
                "height": int(rng.integers(sides[0], 12)),
                "width": int(rng.integers(sides[1], 12)),
            }
        channels = int(rng.integers(9, 40))
        filters = channels if i % 2 == 0 else int(rng.integers(1, 40))
        depth = math.prod(options["kernel"]) * (1 if i % 2 == 0 else channels)
        options = weighted_options(rng, options, filters, depth) | {"bias": True}
        if i % 5 == 4:  # some channels are shifted to the left
            scales = rng.choice((0.001, 0.05, 5.0), filters)
            options |= {"per_channel": True, "weight_scale": [float(s) for s in scales]}
        if i % 2 == 0:
            model = tb.depthwise_conv_2d(channels=channels, multiplier=1, **options)
        else:
            model = tb.conv_2d(channels=channels, filters=filters, **options)
        shape = (1, options["height"], options["width"], channels)
        inputs = clips_of(shape, options["input_q"][1], f"helium {i}")
        yield OpCase(f"{i:02}_{described(options)}", "helium", model, inputs)
