"""Searched ranges: what the search says, and that the file has exactly these."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import SpecError, UnsupportedModelError
from tests.train.tiny import CLASSES, SHAPE, examples, tiny_data
from train.evaluate import run_tflite
from train.fit import FitSpec, fit
from train.keras import load, start
from train.models import ModelSpec, build_model
from train.quantization import PtqInt8, quantize
from train.quantization import ranges as module
from train.quantization.gates import Gates
from train.quantization.ranges import Histogram


def histogram(values: Any) -> Histogram:
    made = Histogram(float(values.min()), float(values.max()))
    for part in np.array_split(values, 7):
        made.add(part)
    return made


def test_percentile_cuts_both_sides() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200_000)
    low, high = histogram(values).percentile(99.0)
    # To the width of a bin: (max - min) / 2048, about 0.005.
    assert low == pytest.approx(np.quantile(values, 0.005), abs=0.01)
    assert high == pytest.approx(np.quantile(values, 0.995), abs=0.01)
    assert histogram(values).percentile(100.0) == (values.min(), values.max())


def test_percentile_of_a_relu_keeps_zero() -> None:
    values = np.maximum(np.random.default_rng(0).normal(0, 1, 50_000), 0)
    low, high = histogram(values).percentile(99.0)
    assert low == 0.0 and 2.3 < high < 2.9


def squared_error(values: Any, low: float, high: float) -> float:
    scale = (high - low) / 255
    zero = np.round(-128 - low / scale)
    q = np.clip(np.round(values / scale) + zero, -128, 127)
    return float(np.mean(((q - zero) * scale - values) ** 2))


def test_least_error_clips_an_outlier_and_nothing_else() -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    with_outlier = np.append(values, 20.0)
    low, high = histogram(with_outlier).least_error()
    assert high < 20.0
    assert squared_error(with_outlier, low, high) < squared_error(with_outlier, values.min(), 20.0)
    even = np.random.default_rng(0).uniform(-3, 5, 100_000)
    assert histogram(even).least_error() == (even.min(), even.max())


@pytest.fixture(scope="module")
def trained() -> Any:
    start(0)
    model = build_model(ModelSpec("cnn_digits", width=4, dense=8), SHAPE, CLASSES)
    data = tiny_data()
    fit(model, data.train, data.validation, FitSpec(epochs=6, batch=16, warmup_epochs=1))
    return model


@pytest.mark.parametrize("calibration", ["percentile", "mse"])
def test_the_file_has_the_ranges_that_were_found(
    calibration: Any, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Gates] = []
    install = module.install

    def kept(model: Any) -> Gates:
        made.append(install(model))
        return made[-1]

    monkeypatch.setattr(module, "install", kept)
    spec = PtqInt8(calibration=calibration, percentile=97.0)
    result = quantize(trained, tiny_data(), spec)
    graph = tflite_reader.read(result.tflite)
    scales = {t.quant.scale[0] for t in graph.tensors if t.quant and t.data is None}
    gates = [g for g in made[0] if g.kind == "activation"]
    assert len(gates) == 3
    for gate in gates[:-1]:  # the last is the softmax's, whose scale is always 1/256
        low, high = (float(end) for end in gate.range)
        # The converter computes the step in double and stores float32.
        assert min(abs(s - (high - low) / 255) / s for s in scales) < 1e-6, gate.name
    plain = tflite_reader.read(quantize(trained, tiny_data(), PtqInt8()).tflite)
    assert [op.kind for op in graph.ops] == [op.kind for op in plain.ops]
    different = 0
    for one, other in zip(graph.ops, plain.ops, strict=True):
        different += graph.tensors[one.outputs[0]].quant != plain.tensors[other.outputs[0]].quant
        if one.kind in ("CONV_2D", "FULLY_CONNECTED"):  # weights per channel, dense ones as well
            ours, theirs = graph.tensors[one.inputs[1]], plain.tensors[other.inputs[1]]
            assert ours.quant is not None and len(ours.quant.scale) == ours.shape[0]
            assert ours.quant == theirs.quant
            np.testing.assert_array_equal(ours.data, theirs.data)
    assert different >= 2
    test = examples(60, 9)
    exact = run_tflite(result.reference, test.features)
    got = run_tflite(result.tflite, test.features)
    assert np.mean(got.argmax(1) == exact.argmax(1)) > 0.9


def test_layers_it_cannot_look_behind() -> None:
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    x = L.LayerNormalization()(x)
    x = L.Dense(CLASSES, activation="softmax")(L.Flatten()(x))
    model = load().keras.Model(inputs, x)
    with pytest.raises(UnsupportedModelError, match=r"Calibration mse must.*layer_norm.*min_max"):
        quantize(model, tiny_data(), PtqInt8(calibration="mse"))


def test_impossible_percentiles() -> None:
    for value in (0.0, 101.0):
        with pytest.raises(SpecError, match="percentile must be from 90 to 100"):
            replace(PtqInt8(), percentile=value)
