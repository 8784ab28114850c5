"""Quantizer arithmetic: the survey's examples, properties, TensorFlow's form, tfmot's form."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from convert.errors import SpecError
from train.keras import load
from train.quantization.quantizers import (
    affine_range,
    linear,
    linear_limits,
    linear_scale,
    log_codes,
    log_magnitudes,
    log_scale,
    log_table,
    logarithmic,
)
from train.quantization.tf_quantizers import (
    linear_scale_tf,
    linear_tf,
    log_scale_tf,
    logarithmic_tf,
)
from train.quantization.weight_quantizers import weight_quantizers

EVERY = settings(max_examples=60, deadline=None)
VALUES = arrays.arrays(
    np.float32,
    st.integers(1, 40),
    elements=st.floats(-50, 50, width=32).map(lambda x: x if abs(x) > 1e-3 else 0.0),
)
SCALES = st.floats(0.015625, 4, width=32)
LINEAR = st.integers(2, 16)
LOG = st.integers(2, 5)
ALPHAS = st.floats(0.05, 1.5)
SMALL = st.sampled_from(["zero", "smallest"])


def bits_of(values: Any) -> Any:
    return np.asarray(values, np.float32).view(np.uint32)


def test_the_survey_s_linear_example() -> None:
    assert linear(np.float32(0.637), 0.1, 8) == np.float32(0.6)


def test_the_survey_s_logarithmic_example() -> None:
    """0.0037 = 0.001 · 1.1^13.73: the exponent 14. With the base 2 printed there it is not."""
    got = float(logarithmic(np.float32(0.0037), 0.001, 5, 0.1))
    assert got == pytest.approx(0.001 * 1.1**14, rel=1e-6)
    assert f"{got:.4f}" == "0.0038"
    exponent = round(math.log(0.0037) / math.log(1.1))  # S left out of the logarithm, as printed
    assert not math.isclose(0.001 * 2.0**exponent, got, rel_tol=0.5)


def test_levels() -> None:
    assert linear_limits(4) == (-7, 7)
    assert linear_limits(4, symmetric=False) == (-8, 7)
    assert [log_magnitudes(b) for b in (2, 4, 8)] == [1, 7, 127]
    everything = np.linspace(-300, 300, 200_001, dtype=np.float32)
    assert len(np.unique(linear(everything, 1.0, 4))) == 15
    assert len(np.unique(linear(everything, 1.0, 4, zero_point=3))) == 16
    got = np.unique(logarithmic(everything, 1.0, 4, 1.0))
    assert got.tolist() == [-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64]


def test_where_small_values_go() -> None:
    x = np.array([0.0, 0.01, 0.49, 0.51, -0.01, -0.6], np.float32)
    assert logarithmic(x, 1.0, 4, 0.5).tolist() == [0, 1, 1, 1, -1, -1]
    assert logarithmic(x, 1.0, 4, 0.5, small="zero").tolist() == [0, 0, 0, 1, 0, -1]


def test_int8_codes() -> None:
    assert log_codes(4, 0.5)[0].tolist() == [11, 17, 25, 38, 56, 85, 127]
    assert log_codes(4, 1.0)[0].tolist() == [2, 4, 8, 16, 32, 64, 127]
    with pytest.raises(SpecError, match=r"must differ as int8.*1 \+ alpha = 3"):
        log_codes(4, 2.0)


@EVERY
@given(VALUES, SCALES, LINEAR)
def test_linear_properties(x: Any, scale: float, bits: int) -> None:
    got = linear(x, scale, bits)
    top = linear_limits(bits)[1] * np.float32(scale)
    np.testing.assert_array_equal(linear(got, scale, bits), got)
    np.testing.assert_array_equal(linear(-x, scale, bits), -got)
    np.testing.assert_array_equal(linear(np.sort(x), scale, bits), np.sort(got))
    assert np.all(np.abs(got) <= top)
    inside = np.abs(x) <= top
    # Half a step, and the last bit of the product.
    assert np.all(np.abs(got - x)[inside] <= scale / 2 * (1 + 1e-5) + np.abs(x[inside]) * 1e-6)


@EVERY
@given(VALUES, SCALES, LOG, ALPHAS, SMALL)
def test_logarithmic_properties(x: Any, scale: float, bits: int, alpha: float, small: Any) -> None:
    def q(values: Any) -> Any:
        return logarithmic(values, scale, bits, alpha, small=small)

    got = q(x)
    np.testing.assert_array_equal(q(got), got)
    np.testing.assert_array_equal(q(-x), -got)
    np.testing.assert_array_equal(q(np.sort(x)), np.sort(got))
    assert np.all(got[x == 0] == 0)
    top = scale * float(log_table(bits, alpha)[0][-1])
    inside = (np.abs(x) >= scale) & (np.abs(x) <= top)
    # Half a step of the logarithm either way; float32 adds its last bits.
    ratio = np.abs(got[inside] / x[inside])
    reach = math.sqrt(1 + alpha) * (1 + 1e-5)
    assert np.all((ratio <= reach) & (ratio >= 1 / reach))


@EVERY
@given(VALUES, SCALES, LOG, ALPHAS)
def test_logarithmic_is_its_formula(x: Any, scale: float, bits: int, alpha: float) -> None:
    """With the logarithm computed in float64; at ties, which float32 cannot tell, either side."""
    top = log_magnitudes(bits) - 1
    real = x.astype(np.float64) / np.float64(np.float32(scale))
    exact = np.log(np.abs(np.where(x == 0, 1, real))) / math.log(1 + alpha)
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-5
    exponent = np.clip(np.rint(exact), 0, top)
    formula = np.sign(x) * np.float32(scale) * (1 + alpha) ** exponent
    got = logarithmic(x, scale, bits, alpha)
    np.testing.assert_allclose(got[clear], formula[clear], rtol=1e-6)


@EVERY
@given(st.floats(-20, 0), st.floats(0.01, 20), LINEAR)
def test_affine_ranges_hold_zero_and_both_ends(low: float, high: float, bits: int) -> None:
    scale, zero_point = affine_range(low, high, bits)
    x = np.array([low, 0.0, high], np.float32)
    got = linear(x, scale, bits, zero_point)
    assert got[1] == 0
    assert np.all(np.abs(got - x) <= scale * 1.01)


@pytest.mark.parametrize(
    "axis,shape", [((), (1, 1, 1, 1)), (3, (1, 1, 1, 4)), ((2, 3), (1, 1, 5, 4))]
)
def test_scales(axis: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2, 5, 4)).astype(np.float32)
    rest = tuple(i for i in range(4) if shape[i] == 1)
    largest = np.abs(x).max(axis=rest, keepdims=True)
    for scale, got in (
        (linear_scale(x, 4, axis), linear(x, linear_scale(x, 4, axis), 4)),
        (log_scale(x, 4, 0.5, axis), logarithmic(x, log_scale(x, 4, 0.5, axis), 4, 0.5)),
    ):
        assert scale.shape == shape
        np.testing.assert_allclose(np.abs(got).max(axis=rest, keepdims=True), largest, rtol=1e-6)
    least = linear(x, linear_scale(x, 4, axis, by="mse"), 4) - x
    assert np.sum(least**2) < np.sum((linear(x, linear_scale(x, 4, axis), 4) - x) ** 2)


def test_zeros_have_a_scale() -> None:
    zeros = np.zeros((3, 2), np.float32)
    for scale in (linear_scale(zeros, 4, 1), linear_scale(zeros, 4, 1, by="mse")):
        assert scale.tolist() == [[1, 1]]
        assert not linear(zeros, scale, 4).any()
    assert not logarithmic(zeros, log_scale(zeros, 4, 0.5, 1), 4, 0.5).any()


@pytest.mark.parametrize("axis", [(), 3, (2, 3)])
def test_tensorflow_gives_the_same_bits(axis: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 3, 8, 6)).astype(np.float32) * rng.uniform(1e-3, 50, 6).astype("f")
    x[0, 0, 0] = 0
    for bits in (2, 3, 4, 8, 16):
        scale = linear_scale(x, bits, axis)
        np.testing.assert_array_equal(bits_of(linear_scale_tf(x, bits, axis)), bits_of(scale))
        np.testing.assert_array_equal(
            bits_of(linear_tf(x, scale, bits)), bits_of(linear(x, scale, bits))
        )
        step, zero_point = affine_range(-3.0, 7.0, bits)
        np.testing.assert_array_equal(
            bits_of(linear_tf(x, step, bits, zero_point)),
            bits_of(linear(x, step, bits, zero_point)),
        )
    # Sums are made in another order, so nearly equal clipping points could change places: not here.
    np.testing.assert_array_equal(
        linear_scale_tf(x, 4, axis, by="mse"), linear_scale(x, 4, axis, by="mse")
    )
    for bits, alpha, small in (
        (2, 0.5, "zero"),
        (4, 0.5, "smallest"),
        (4, 1.0, "zero"),
        (8, 0.1, "zero"),
    ):
        scale = log_scale(x, bits, alpha, axis)
        np.testing.assert_array_equal(bits_of(log_scale_tf(x, bits, alpha, axis)), bits_of(scale))
        np.testing.assert_array_equal(
            bits_of(logarithmic_tf(x, scale, bits, alpha, small=small)),
            bits_of(logarithmic(x, scale, bits, alpha, small=small)),
        )


def test_gradients_go_straight_through_but_not_where_clipped() -> None:
    tf = load().tf
    x = tf.constant([-100.0, -0.7, 0.0, 0.01, 0.4, 1.0, 100.0])
    forms = (
        lambda v: linear_tf(v, 0.1, 5),
        lambda v: linear_tf(v, 0.1, 5, 2),
        lambda v: logarithmic_tf(v, 0.1, 4, 0.5, small="zero"),
        lambda v: logarithmic_tf(v, 0.1, 4, 0.5),
    )
    for form in forms:
        for call in (form, tf.function(form)):
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = tf.reduce_sum(3.0 * call(x))
            assert tape.gradient(total, x).numpy().tolist() == [0, 3, 3, 3, 3, 3, 0]


def test_a_nan_stays_a_nan_in_a_traced_function() -> None:
    """Nothing can be raised there; the loss shows it."""
    tf = load().tf
    made = weight_quantizers()
    kernel = tf.constant([[0.5, np.nan], [0.1, 0.2]])
    for one in (
        made.LinearWeights(4),
        made.LinearWeights(4, by="mse"),
        made.LogWeights(4, 0.5),
        made.LogWeights(4, 0.5, codes=True),
    ):
        assert np.isnan(tf.function(lambda k, q=one: q(k, True, weights={}))(kernel)[0, 1])


def test_refusals() -> None:
    x = np.ones(3, np.float32)
    for bits in (1, 17, 0, -4):
        with pytest.raises(SpecError, match=rf"bits must be from 2 to 16. Received: {bits}"):
            linear(x, 1.0, bits)
    for bits in (1, 9):
        with pytest.raises(SpecError, match=rf"bits must be from 2 to 8. Received: {bits}"):
            logarithmic(x, 1.0, bits, 0.5)
    for scale in (0.0, -1.0, math.nan, math.inf):
        for call in (lambda s=scale: linear(x, s, 4), lambda s=scale: linear_tf(x, s, 4)):
            with pytest.raises(SpecError, match=r"scale must be a number above 0"):
                call()
        with pytest.raises(SpecError, match=r"scale must be a number above 0"):
            logarithmic(x, np.array([1.0, scale, 1.0]), 4, 0.5)
    for alpha in (0.0, -0.5, math.nan, 1e-12):
        with pytest.raises(SpecError, match=r"alpha must be above 0"):
            logarithmic(x, 1.0, 4, alpha)
    bad = np.array([1.0, math.nan, math.nan])
    for form in (
        lambda: linear(bad, 1.0, 4),
        lambda: logarithmic(bad, 1.0, 4, 0.5),
        lambda: linear_scale(bad, 4),
        lambda: log_scale(bad, 4, 0.5),
        lambda: linear_tf(bad, 1.0, 4),
        lambda: logarithmic_tf(bad, 1.0, 4, 0.5),
    ):
        with pytest.raises(SpecError, match=r"2 of 3 are NaN"):
            form()
    with pytest.raises(SpecError, match=r"axis must be of a tensor's 1 dimensions. Received: 3"):
        linear_scale(x, 4, 3)
    with pytest.raises(SpecError, match=r"zero_point must be from -8 to 7. Received: 8"):
        linear(x, 1.0, 4, 8)
    with pytest.raises(SpecError, match=r"range must be finite and not empty"):
        affine_range(0.0, 0.0, 8)
    with pytest.raises(SpecError, match=r"largest level must be below"):
        logarithmic(x, 1.0, 8, 1.0)
    with pytest.raises(SpecError, match=r"largest level must be a float32"):
        logarithmic(x, 1e30, 8, 0.5)


def test_weight_quantizers_are_what_numpy_says() -> None:
    made = weight_quantizers()
    x = np.random.default_rng(2).normal(size=(3, 3, 4, 5)).astype(np.float32)
    got = made.LinearWeights(4, 3)(x, True, weights={})
    np.testing.assert_array_equal(got, linear(x, linear_scale(x, 4, 3), 4))
    got = made.LogWeights(4, 0.5, 3)(x, True, weights={})
    np.testing.assert_array_equal(
        got, logarithmic(x, log_scale(x, 4, 0.5, 3), 4, 0.5, small="zero")
    )
    codes = made.LogWeights(4, 0.5, 3, codes=True)(x, True, weights={}).numpy()
    largest = np.abs(x).max(axis=(0, 1, 2))
    levels = np.unique(np.rint(codes / largest * 127).astype(int))
    assert levels.tolist() == [-127, -85, -56, -38, -25, -17, -11, 0, 11, 17, 25, 38, 56, 85, 127]
    # The powers and their int8 numbers are one choice of levels, up to the rounding of the numbers.
    np.testing.assert_allclose(codes, got, atol=0.6 / 127 * largest.max())


def test_weight_quantizers_are_saved_and_loaded() -> None:
    keras = load().keras
    made = weight_quantizers()
    for one in (
        made.LinearWeights(4, (2, 3), by="mse"),
        made.LogWeights(4, 0.5, 3, small="smallest", codes=True),
    ):
        with keras.utils.custom_object_scope(made.custom_objects):
            text = json.dumps(keras.utils.legacy.serialize_keras_object(one))
            again = keras.utils.legacy.deserialize_keras_object(json.loads(text))
        assert type(again) is type(one) and again == one and hash(again) == hash(one)
        assert again.get_config() == one.get_config()
    assert made.LinearWeights(4) != made.LinearWeights(5)
    assert made.LinearWeights(4) != made.LogWeights(4, 0.5)


def test_weight_quantizers_refuse() -> None:
    made = weight_quantizers()
    with pytest.raises(SpecError, match=r"bits must be from 2 to 16"):
        made.LinearWeights(17)
    with pytest.raises(SpecError, match=r"by must be max or mse"):
        made.LinearWeights(4, by="median")
    with pytest.raises(SpecError, match=r"alpha must be above 0"):
        made.LogWeights(4, 0.0)
    with pytest.raises(SpecError, match=r"small must be zero or smallest"):
        made.LogWeights(4, 0.5, small="none")
    with pytest.raises(SpecError, match=r"must differ as int8"):
        made.LogWeights(8, 1.0, codes=True)
    with pytest.raises(SpecError, match=r"axis must be"):
        made.LogWeights(4, 0.5, 3).build((2, 2), "kernel", None)
