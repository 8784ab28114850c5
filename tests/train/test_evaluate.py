"""Scores against hand-made cases; noise of layers against what rounding must give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import ModelError, SpecError
from convert.export import to_tflite
from tests.train.tiny import CLASSES, SHAPE, examples
from train.evaluate import dequantize, layer_noise, run_tflite, score, sqnr, wilson
from train.fit import predictions
from train.keras import start
from train.models import ModelSpec, build_model

WORDS = ("yes", "no", "stop")


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),  # the usual textbook values, to four digits
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_wilson(correct: int, total: int, low: float, high: float) -> None:
    assert wilson(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0
    for bad in ((-1, 3), (4, 3)):
        with pytest.raises(SpecError, match="correct must be from 0 to 3"):
            wilson(*bad)


def test_score() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    guesses = [0, 0, 1, 1, 0, 0]
    outputs = np.eye(3, dtype=np.float32)[guesses]
    result = score(outputs, labels, WORDS)
    assert (result.correct, result.total) == (3, 6)
    assert result.accuracy == 0.5 and result.interval == wilson(3, 6)
    np.testing.assert_array_equal(result.confusion, [[2, 1, 0], [2, 1, 0], [0, 0, 0]])
    yes, no, stop = result.words
    assert (yes.clips, yes.correct, yes.recall, yes.precision) == (3, 2, 2 / 3, 0.5)
    assert no.confused_with == "yes" and yes.confused_with == "no"
    assert math.isnan(stop.recall) and math.isnan(stop.precision) and stop.confused_with == ""


def test_first_of_equals_wins_as_on_the_chip() -> None:
    result = score(np.full((1, 3), -43, np.int8), np.array([0]), WORDS)
    assert result.correct == 1


def test_no_clips() -> None:
    result = score(np.zeros((0, 3), np.float32), np.zeros(0, np.int32), WORDS)
    assert result.total == 0 and math.isnan(result.accuracy)


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (np.zeros((2, 2)), np.zeros(2, int), r"\(clips, 3\)"),
        (np.zeros((2, 3)), np.zeros(3, int), "one label per clip"),
        (np.zeros((2, 3)), np.array([0, 3]), "Labels must be 0 to 2"),
    ],
)
def test_score_refuses(outputs: Any, labels: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        score(outputs, labels, WORDS)


def test_sqnr() -> None:
    real = np.array([3.0, 4.0], np.float32)
    assert sqnr(real, real) == math.inf
    assert sqnr(real, real + np.float32(0.5)) == pytest.approx(10 * math.log10(25 / 0.5))
    assert math.isnan(sqnr(np.zeros(2, np.float32), real))
    rng = np.random.default_rng(0)  # uniform values of 8 bits: 6.02 dB per bit
    values = rng.uniform(-1, 1, 100_000).astype(np.float32)
    assert sqnr(values, (np.rint(values * 128) / 128).astype(np.float32)) == pytest.approx(
        6.02 * 8, abs=0.1
    )


@pytest.fixture(scope="module")
def model() -> Any:
    start(1)
    return build_model(ModelSpec("res_sep", width=8, blocks=1, kernel=3), SHAPE, CLASSES)


@pytest.fixture(scope="module")
def files(model: Any) -> tuple[bytes, bytes]:
    clips = examples(64, 1).features
    return to_tflite(model, "int8", representative=clips), to_tflite(model, "float32")


def test_engines_agree(model: Any, files: tuple[bytes, bytes]) -> None:
    features = examples(12, 3).features
    int8, float32 = files
    exact = predictions(model, features)
    np.testing.assert_allclose(run_tflite(float32, features), exact, atol=1e-5)
    host = run_tflite(int8, features)
    np.testing.assert_array_equal(host, run_tflite(int8, features, engine="tflm"))
    assert np.abs(host - exact).max() < 0.05
    assert np.abs(run_tflite(int8, features, engine="litert") - host).max() <= 1 / 256


def test_dynamic_range_of_a_wide_dense_layer() -> None:
    """LiteRT's own kernels get such a layer wrong; what an application runs must be measured."""
    start(1)
    wide = build_model(ModelSpec("cnn_digits"), (49, 40), 10)
    dense = wide.get_layer("dense")
    kernel, bias = dense.get_weights()
    # Weights of one sign more than of the other, as training makes them.
    dense.set_weights([(kernel + kernel.std() / 2) * 0.01, bias])
    features = np.random.default_rng(0).integers(-128, 128, (8, 49, 40)).astype(np.int8)
    exact = predictions(wide, features)
    got = run_tflite(to_tflite(wide, "dynamic_range"), features)
    # 8 bits per weight and per value of a clip are 0.0002 here; the wrong kernels are off by 0.07.
    np.testing.assert_allclose(got, exact, atol=0.002)


def test_layer_noise(files: tuple[bytes, bytes]) -> None:
    int8, float32 = files
    noise = layer_noise(int8, float32, examples(12, 3).features)
    ops = tflite_reader.read(int8).ops
    assert [n.kind for n in noise] == [op.kind for op in ops]
    assert noise[0].kind == "RESHAPE" and noise[0].sqnr_db == math.inf  # features are exact
    assert noise[1].kind == "CONV_2D" and 25 < noise[1].sqnr_db < 60
    assert all(n.sqnr_db > 15 for n in noise)
    assert noise[1].shape == (16, 1, 8)


def test_layer_noise_leaves_out_what_only_one_file_has(files: tuple[bytes, bytes]) -> None:
    start(1)
    other = build_model(ModelSpec("res_sep", width=8, blocks=2, kernel=3), SHAPE, CLASSES)
    noise = layer_noise(files[0], to_tflite(other, "float32"), examples(2, 3).features)
    assert 0 < len(noise) <= len(tflite_reader.read(files[0]).ops)


def test_wrong_inputs_are_refused(files: tuple[bytes, bytes]) -> None:
    with pytest.raises(ModelError, match="Features must fill inputs of shape"):
        run_tflite(files[0], np.zeros((2, 8, 8), np.int8))
    with pytest.raises(ModelError):
        run_tflite(files[0][:100], np.zeros((2, *SHAPE), np.int8))


def test_dequantize_needs_one_scale(files: tuple[bytes, bytes]) -> None:
    weights = next(
        t for t in tflite_reader.read(files[0]).tensors if t.quant and t.quant.per_channel
    )
    assert weights.data is not None
    with pytest.raises(ModelError, match="one scale"):
        dequantize(weights.data, weights)
