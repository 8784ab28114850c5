"""Rescaling as the DSP kernels do it equals TFLite Micro's over all sums that can occur."""

from __future__ import annotations

import numpy as np
import pytest

from convert.fast_outputs import Outputs, outputs_of, rescaled
from convert.fixedpoint import multiply_by_quantized_multiplier, quantize_multiplier
from convert.params import FullyConnectedParams


def _params(
    real: list[float], input_offset: int, output_offset: int, low: int = -128, high: int = 127
) -> FullyConnectedParams:
    pairs = [quantize_multiplier(value) for value in real]
    return FullyConnectedParams(
        rows=1,
        depth=1,
        units=len(real),
        per_channel=True,
        has_bias=True,
        input_offset=input_offset,
        filter_offset=0,
        output_offset=output_offset,
        activation_min=low,
        activation_max=high,
        multiplier=tuple(m for m, _ in pairs),
        shift=tuple(s for _, s in pairs),
    )


def _expected(p: FullyConnectedParams, channel: int, sums: np.ndarray) -> np.ndarray:
    scaled = multiply_by_quantized_multiplier(sums, p.multiplier[channel], p.shift[channel])
    return np.clip(scaled.astype(np.int64) + p.output_offset, p.activation_min, p.activation_max)


def _found(p: FullyConnectedParams, o: Outputs, channel: int, dot: np.ndarray) -> np.ndarray:
    doubled = (0 if o.constant[channel] else 2 * dot) + int(o.bias[channel])
    assert np.abs(doubled).max() < 1 << 31
    values = [
        rescaled(int(d), int(o.multiplier[channel]), int(o.shift[channel]), p.output_offset)
        for d in np.broadcast_to(doubled, dot.shape)
    ]
    return np.clip(values, p.activation_min, p.activation_max)


@pytest.mark.parametrize("seed", range(6))
def test_every_sum(seed: int) -> None:
    """One weight, so that all its products can be tried; scales down to nothing."""
    rng = np.random.default_rng(seed)
    real = (10.0 ** rng.uniform(-10, -0.4, 200)).tolist()
    offset = int(rng.integers(-127, 129))
    low, high = ((-128, 127), (-128, 90), (-40, 127))[seed % 3]
    p = _params(real, offset, int(rng.integers(-128, 128)), low, high)
    weights = rng.integers(-127, 128, (200, 1)).astype(np.int8)
    # Where a step is: half units of the output, some more and some less.
    units = rng.integers(-3, 4, 200) + rng.choice([0.5, 0.5, 0.1], 200)
    bias = np.clip(units / np.array(real), -(2**31) + 2**16, 2**31 - 2**16).astype(np.int32)
    made = outputs_of(p, weights, bias)
    if made is None:  # one channel is enough; find those that are left
        kept = [outputs_of(_one(p, i), weights[i : i + 1], bias[i : i + 1]) for i in range(200)]
    else:
        kept = [made] * 200
    assert sum(o is None for o in kept) < 10
    x = np.arange(-128, 128)
    seen: set[str] = set()
    for i, outputs in enumerate(kept):
        if outputs is None:
            continue
        at = 0 if made is None else i
        dot = x * int(weights[i, 0])
        sums = dot + offset * int(weights[i, 0]) + int(bias[i])
        expected = _expected(p, i, sums)
        if not outputs.usual and outputs.shift[at] < 1:
            continue  # plain arithmetic
        np.testing.assert_array_equal(_found(_one(p, i), outputs, at, dot), expected, str(i))
        different = len(np.unique(expected))
        seen.add("constant" if different == 1 else "step" if different == 2 else "more")
    assert seen == {"constant", "step", "more"}


def _one(p: FullyConnectedParams, i: int) -> FullyConnectedParams:
    """Its channel `i` alone."""
    changed = p.__dict__ | {
        "units": 1,
        "multiplier": (p.multiplier[i],),
        "shift": (p.shift[i],),
    }
    return FullyConnectedParams(**changed)


def test_refused() -> None:
    """A sum that wraps, and one whose double does not fit, with several values in its reach."""
    weights = np.full((1, 1), 127, np.int8)
    wrapping = _params([1e-9], 0, 0)
    assert outputs_of(wrapping, weights, np.array([2**31 - 100], np.int32)) is None
    far = _params([1e-3], 0, 0, -128, 127)
    assert outputs_of(far, weights, np.array([2**30], np.int32)) is not None  # saturated
    many = _params([2e-7], 0, 0)
    wide = np.full((1, 100000), 127, np.int8)
    assert outputs_of(many, wide, np.array([0], np.int32)) is None
    with_codes = outputs_of(_params([1e-3], 0, 0), weights, np.array([2**30], np.int32), fixed=True)
    assert with_codes is not None
    assert not with_codes.constant.any()


def test_to_the_left() -> None:
    made = outputs_of(_params([1.5, 0.001], 0, 0), np.full((2, 1), 3, np.int8), None)
    assert made is not None
    assert not made.usual
    assert made.shift.tolist()[0] == -1
