"""lstm and svdf: quantization inside the layers, their files, and who refuses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError, UnsupportedModelError
from convert.export import real_features, to_tflite
from convert.recurrent_writer import DenseBlock, affine, power_of_two, write
from convert.supported import check
from convert.tflite_reader import read
from tests.train.tiny import CLASSES, SHAPE, tiny_data
from train.evaluate import layer_noise, run_tflite
from train.features import TrainingData
from train.fit import predictions
from train.keras import load, start
from train.models import ModelSpec, build_model
from train.quantization import IncrementalInt8, PtqInt8, QatInt8, quantize, recurrent
from train.quantization.float32 import Float32
from train.quantization.gates import install
from train.quantization.log4 import Log4
from train.quantization.tfmot_int8 import quantization_aware
from train.recurrent_layers import layers

SPECS = {
    "lstm": ModelSpec("lstm", width=6),
    "svdf": ModelSpec("svdf", width=6, blocks=2, rank=2, memory=5),
}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return tiny_data()


def network(name: str) -> Any:
    start(0)
    return build_model(SPECS[name], SHAPE, CLASSES)


def test_svdf_is_what_its_docstring_says() -> None:
    """Frame by frame with a memory, against the layer over whole windows."""
    start(1)
    layer = layers().Svdf(3, 2, 4)
    x = np.random.default_rng(0).normal(size=(2, 9, 5)).astype(np.float32)
    found = np.asarray(layer(x))
    feature, time, bias = (w.numpy() for w in (layer.feature, layer.time, layer.bias))
    memory = np.zeros((2, 6, 4), np.float32)
    for frame in range(9):
        memory = np.concatenate([memory[..., 1:], (x[:, frame] @ feature)[..., None]], axis=-1)
        units = (memory * time).sum(axis=-1).reshape(2, 3, 2).sum(axis=-1) + bias
        np.testing.assert_allclose(found[:, frame], np.maximum(units, 0), atol=1e-5)  # float sums
    last = layers().Svdf(3, 2, 4, return_sequences=False)
    last.build(x.shape)
    last.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.asarray(last(x)), found[:, -1], atol=1e-5)  # float sums


@pytest.mark.parametrize("scheme", [PtqInt8(), QatInt8(epochs=1, batch=32)])
@pytest.mark.parametrize("name", sorted(SPECS))
def test_files_agree_with_the_model(name: str, scheme: Any, data: TrainingData) -> None:
    result = quantize(network(name), data, scheme)
    graph = read(result.tflite)
    check(graph)
    assert len(graph.states) == 2
    expected = predictions(result.keras, data.calibration)
    found = run_tflite(result.tflite, data.calibration, engine="host")
    np.testing.assert_array_equal(run_tflite(result.tflite, data.calibration, engine="tflm"), found)
    # After training the model knows nothing of the rounding; in training it does, but for the
    # 16-bit gates and where a value falls on the other side of a step.
    steps = 8 if isinstance(scheme, PtqInt8) else 3
    assert np.abs(found - expected).max() <= steps / 256
    noise = layer_noise(result.tflite, result.reference, data.calibration[:16])
    assert len(noise) >= 3 and min(one.sqnr_db for one in noise) > 10


@pytest.mark.parametrize("name", sorted(SPECS))
def test_float_files_agree_with_the_model(name: str, data: TrainingData) -> None:
    model = network(name)
    expected = predictions(model, data.calibration)
    aware = quantization_aware(model)
    gates = install(aware)
    gates.calibrate(data.calibration)
    files = [
        recurrent.to_file(aware, gates, data.calibration, "float32"),
        quantize(model, data, Float32()).tflite,
    ]
    for file in files:
        found = run_tflite(file, data.calibration, engine="litert")
        np.testing.assert_allclose(found, expected, atol=1e-5)  # float sums


def test_hidden_state_is_quantized_inside_the_recurrence(data: TrainingData) -> None:
    model = network("lstm")
    gates = install(quantization_aware(model))
    gates.calibrate(data.calibration)
    clips = real_features(data.calibration[:4])
    exact = np.asarray(model(clips))
    gates.set_mode("off", ("weight", "activation"))
    for gate in gates:
        if gate.name.endswith("lstm/after"):
            gate.mode = "frozen"
            gate.set_range(-0.01, 0.01)  # cuts off nearly everything
    cut = np.asarray(gates.model(clips))
    assert np.abs(cut - exact).max() > 0.01


@pytest.mark.parametrize("name", sorted(SPECS))
def test_schemes_that_cannot_say_so(name: str, data: TrainingData) -> None:
    model = network(name)
    says = rf"^Scheme log4 must .* Received: {name}.*\(\w+\)\. Use scheme qat_int8 or ptq_int8\.$"
    with pytest.raises(UnsupportedModelError, match=says):
        quantize(model, data, Log4())
    recurrent.check(model, IncrementalInt8())
    with pytest.raises(UnsupportedModelError, match=r'^Calibration mse .*"min_max"'):
        quantize(model, data, PtqInt8(calibration="mse"))


def test_svdf_does_not_go_through_the_converter(data: TrainingData) -> None:
    with pytest.raises(UnsupportedModelError, match="svdf_1 must be quantized by a scheme"):
        to_tflite(network("svdf"), "int8", representative=data.calibration)


def test_layers_that_are_no_chain(data: TrainingData) -> None:
    start(0)
    L = load().keras.layers
    inputs = L.Input((*SHAPE, 1))
    x = L.LSTM(4, return_sequences=True)(L.Reshape(SHAPE)(inputs))
    x = L.Dense(CLASSES, activation="softmax")(L.GlobalAveragePooling1D()(x))
    model = load().keras.Model(inputs, x)
    with pytest.raises(UnsupportedModelError, match=r"chain of .* Received: .*GlobalAverage"):
        quantize(model, data, QatInt8(epochs=1, batch=32))
    tflite = quantize(model, data, PtqInt8()).tflite  # the converter can
    check(read(tflite))
    lazy = L.LSTM(4, recurrent_dropout=0.1)(L.Reshape(SHAPE)(inputs))
    model = load().keras.Model(inputs, L.Dense(CLASSES, activation="softmax")(lazy))
    with pytest.raises(UnsupportedModelError, match=r"plain LSTM .* Received: lstm"):
        quantization_aware(model)


def test_ranges_become_scales() -> None:
    assert affine(0.0, 2.55) == (float(np.float32(0.01)), -128)
    assert affine(-1.28, 1.27) == (float(np.float32(0.01)), 0)
    assert affine(0.5, 2.55)[1] == -128  # zero is always inside
    assert power_of_two(1.0) == (2.0**-15, 0)
    assert power_of_two(1.1) == (2.0**-14, 0)


def test_a_chain_begins_with_recurrence() -> None:
    dense = DenseBlock("d", np.zeros((3, 2)), np.zeros(2), "softmax", (-1.0, 1.0))
    with pytest.raises(ModelError, match="begin with recurrent"):
        write([dense], (4, 3), "int8")
