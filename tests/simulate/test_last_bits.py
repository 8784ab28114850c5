"""Is a quotient of scales float32 or float64? Values chosen so that it shows in the output.

Random inputs hardly ever tell: a last bit matters only where a product sits on a rounding edge.
Each test finds such places, asserts that the two readings differ there, and asks TFLite Micro.
`tests/firmware/test_multipliers.py` does the same for the weighted operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from convert import fixedpoint as fp
from convert.fixedpoint_wide import reduced_multiplier
from convert.tflite_reader import read
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb

X = np.arange(-128, 128)
EVERY = X.astype(np.int8)[np.newaxis]


def both(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """The output, flat, after checking that reference and TFLite Micro agree."""
    graph = read(model)
    found = ReferenceBackend(graph).run(inputs)[graph.outputs[0]]
    expected = TflmBackend(model, guard=False).run(inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(found, expected)
    return expected.reshape(-1)


@pytest.mark.parametrize("kind", ["RELU", "QUANTIZE", "ABS"])
def test_int8_to_int8_quotients_are_double(kind: str) -> None:
    rng = np.random.default_rng(0)
    zero = -100 if kind == "RELU" else 0
    found = 0

    def table(real: float) -> np.ndarray:
        low = zero if kind == "RELU" else -128
        values = np.abs(X) if kind == "ABS" else X
        scaled = fp.multiply_by_quantized_multiplier(values, *fp.quantize_multiplier(real))
        return np.clip(scaled.astype(int) + zero, low, 127)

    while found < 20:
        a = np.float32(rng.uniform(0.01, 0.1))
        below = int(rng.integers(1, 60))
        b = np.float32(float(a) * int(rng.integers(below + 1, 120)) / (below + 0.5))
        double, single = table(float(a) / float(b)), table(float(a / b))
        if np.array_equal(double, single):
            continue
        found += 1
        quants = {"input_q": (float(a), 0), "output_q": (float(b), zero)}
        model = tb.unary(kind, shape=(1, 256), **quants)
        np.testing.assert_array_equal(both(model, EVERY), double)


def test_mean_quotient_is_double() -> None:
    rng = np.random.default_rng(0)
    rows, columns = 100, 40
    count = rows * columns
    found = 0

    def one(real: float, total: int) -> int:
        multiplier, shift = fp.quantize_multiplier(real)
        bits = count.bit_length() - 1
        scaled = fp.multiply_by_quantized_multiplier(
            total, (multiplier << bits) // count, shift - bits
        )
        return int(np.clip(scaled, -128, 127))

    while found < 12:
        a = np.float32(rng.uniform(0.01, 0.1))
        b = np.float32(float(a) * rng.uniform(0.9, 1.1))
        middle = round((int(rng.integers(1, 110)) + 0.5) * count * float(b) / float(a))
        edges = [
            total
            for total in range(middle - 2, middle + 3)
            if one(float(a) / float(b), total) != one(float(a / b), total)
        ]
        if not edges:
            continue
        found += 1
        values = np.full(count, edges[0] // count)
        values[: edges[0] - values.sum()] += 1
        model = tb.mean(shape=(1, rows, columns, 1), input_q=(float(a), 0), output_q=(float(b), 0))
        output = both(model, values.astype(np.int8).reshape(1, rows, columns, 1))
        assert output.tolist() == [one(float(a) / float(b), edges[0])]


def _bounds(count: int) -> Iterator[tuple[float, int, int]]:
    """Scales for which 6 / scale rounds differently in double and in float32."""
    rng = np.random.default_rng(0)
    while count:
        near = np.float32(6.0 / (int(rng.integers(1, 200)) + 0.5))
        for scale in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(9))):
            double = fp.round_half_away(6.0 / float(scale))
            single = fp.round_half_away(float(np.float32(6.0) / scale))
            if double != single and count:
                count -= 1
                yield float(scale), double, single


def _relu6(scale: float) -> bytes:
    q = (scale, -128)
    return tb.relu("RELU6", shape=(1, 16, 16, 1), input_q=q, output_q=q)


def _fused(scale: float) -> bytes:
    more = {"window": (1, 1), "stride": (1, 1), "activation": "relu6", "q": (scale, -128)}
    return tb.max_pool_2d(height=16, width=16, channels=1, **more)


@pytest.mark.parametrize("make", [_relu6, _fused])
def test_activation_bounds_are_float32(make: Callable[[float], bytes]) -> None:
    for scale, _, single in _bounds(15):
        assert both(make(scale), EVERY.reshape(1, 16, 16, 1)).max() == min(single - 128, 127)


def test_quantize_from_float_divides_in_float32() -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(8):
        scale = np.float32(rng.uniform(0.01, 0.1))
        near = ((np.arange(1, 120) + 0.5) * float(scale)).astype(np.float32)
        sides = [near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(99))]
        values = np.concatenate(sides)
        single = np.floor((values / scale).astype(np.float64) + 0.5)
        double = np.floor(values.astype(np.float64) / float(scale) + 0.5)
        values = values[single != double]
        compared += len(values)
        model = tb.quantize(shape=(1, len(values)), dtype="float32", output_q=(float(scale), 0))
        output = both(model, values[np.newaxis])
        np.testing.assert_array_equal(output, np.minimum(single[single != double], 127))
    assert compared > 100


@pytest.mark.parametrize(("kind", "sign"), [("ADD", 1), ("SUB", -1)])
def test_sum_quotients_are_double(kind: str, sign: int) -> None:
    """The first factors are 1/2 exactly and scale / t; the last is t / (2^20 * output scale)."""
    rng = np.random.default_rng(3)
    pair = np.arange(-128, 128)
    found = 0
    for _ in range(400):
        a, b = (np.float32(v) for v in rng.uniform(0.01, 0.1, 2))
        o = np.float32(max(a, b) * np.float32(rng.uniform(0.9, 1.9)))
        twice = 2 * float(max(a, b))

        def sums(first: float, second: float, last: float) -> np.ndarray:
            mbqm = fp.multiply_by_quantized_multiplier
            left = mbqm(pair << 20, *fp.quantize_multiplier(first)).astype(np.int64)
            right = mbqm(pair << 20, *fp.quantize_multiplier(second)).astype(np.int64)
            total = mbqm(left[:, None] + sign * right[None, :], *fp.quantize_multiplier(last))
            return np.clip(total, -128, 127)

        double = sums(float(a) / twice, float(b) / twice, twice / (2**20 * float(o)))
        t32 = np.float32(twice)
        single = sums(float(a / t32), float(b / t32), float(t32 / (np.float32(2**20) * o)))
        places = np.argwhere(double != single)[:8]
        if not len(places):
            continue
        found += len(places)
        count = len(places)
        tensors = [
            tb.activation_tensor("a", (1, count), (float(a), 0)),
            tb.activation_tensor(
                "b", (1, count), (float(b), 0), data=pair[places[:, 1]].reshape(1, count)
            ),
            tb.activation_tensor("o", (1, count), (float(o), 0)),
        ]
        options = tb.g.Add() if kind == "ADD" else tb.g.Sub()
        model = tb.build_model([tb.OpSpec(kind, (0, 1), (2,), options)], tensors)
        output = both(model, pair[places[:, 0]].astype(np.int8)[np.newaxis])
        np.testing.assert_array_equal(output, double[tuple(places.T)])
        if found > 20:
            break
    assert found > 5


@pytest.mark.parametrize("alpha", [0.3, -0.4])
def test_leaky_relu_quotients_are_double(alpha: float) -> None:
    """Both slopes; one below 0 is taken by its magnitude, and the result negated."""
    rng = np.random.default_rng(0)
    slope = np.float32(abs(alpha))
    found = {False: 0, True: 0}  # by whether the side below 0 tells

    def scaled(real: float) -> np.ndarray:
        return fp.multiply_by_quantized_multiplier(X, *fp.quantize_multiplier(real)).astype(int)

    while min(found.values()) < 10:
        a = np.float32(rng.uniform(0.01, 0.1))
        below = int(rng.integers(1, 60))
        part = slope if rng.random() < 0.5 else np.float32(1)
        b = np.float32(float(a) * float(part) * int(rng.integers(below + 1, 120)) / (below + 0.5))
        double = np.where(X < 0, np.sign(alpha) * scaled(float(a) * float(slope) / float(b)), 0)
        double = np.where(X < 0, double, scaled(float(a) / float(b)))
        single = np.where(
            X < 0, np.sign(alpha) * scaled(float(a * slope / b)), scaled(float(a / b))
        )
        differs = np.clip(double, -128, 127) != np.clip(single, -128, 127)
        if not differs.any():
            continue
        found[bool(differs[X < 0].any())] += 1
        model = tb.leaky_relu(
            shape=(1, 256), input_q=(float(a), 0), output_q=(float(b), 0), alpha=alpha
        )
        np.testing.assert_array_equal(both(model, EVERY), np.clip(double, -128, 127))


def test_hard_swish_quotients_are_double() -> None:
    """Its factors have 15 bits, so pairs are sought where the last one of these tells."""
    rng = np.random.default_rng(0)
    found = 0

    def factor(real: float) -> int:
        return int(reduced_multiplier(fp.quantize_multiplier(real)[0]))

    while found < 30:
        a, b = (np.float32(v) for v in rng.uniform(0.01, 0.1, 2))
        fine = a / np.float32(128)
        inner = np.float32(3 / 32768)
        if factor(float(fine) / float(b)) != factor(float(fine / b)) or factor(
            float(fine) / float(inner)
        ) != factor(float(fine / inner)):
            found += 1
            both(
                tb.hard_swish(shape=(1, 256), input_q=(float(a), 3), output_q=(float(b), 0)), EVERY
            )
