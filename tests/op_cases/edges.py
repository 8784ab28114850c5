"""Sums that lie on the edges of the two roundings, which random ones hardly ever meet."""

from __future__ import annotations

import numpy as np

CHANNELS = 240


def rounding_edges(channel_axis: int, weights_shape: tuple[int, ...]) -> dict:
    """Options of a layer of `CHANNELS` channels whose sums are its biases where all inputs are 0.

    Of four channels with the same exponent two have a power of two as their multiplier, where the
    first rounding has ties. Biases are next to 0, or next to where the second rounding has a tie.

    Args:
        channel_axis: axis of the output channels in `weights_shape`.
        weights_shape: its extent there is `CHANNELS`.
    """
    assert weights_shape[channel_axis] == CHANNELS
    rng = np.random.default_rng(0)
    index = np.arange(CHANNELS)
    fraction = np.where(index % 4 < 2, 1.0, rng.uniform(0.5, 1.0, CHANNELS))
    scales = np.float32(fraction * 2.0 ** -(2.0 + index // 4 % 16))
    ties = rng.integers(-130, 131, CHANNELS) + 0.5
    at_ties = np.round(ties / scales.astype(np.float64)) + rng.integers(-1, 2, CHANNELS)
    biases = np.where(index % 3 == 0, rng.integers(-3, 3, CHANNELS), at_ties)
    return {
        "weights": rng.integers(-127, 128, weights_shape),
        "weight_scale": [float(scale) for scale in scales],
        "bias_data": biases.astype(np.int32),
        "input_q": (1.0, 0),
        "output_q": (1.0, 5),
        "per_channel": True,
    }
