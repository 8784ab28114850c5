"""Every scheme on every zoo network, and the traps of tfmot and of the converter."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import ModelError, SpecError, UnsupportedModelError, UserError
from convert.export import check_int8, real_features, to_tflite
from simulate.backend import last_step, windows
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.tiny import CLASSES, SHAPE, examples, tiny_data
from train.evaluate import layer_noise, run_tflite
from train.features import TrainingData
from train.fit import FitSpec, fit, predictions
from train.keras import load, start
from train.models import ZOO, ModelSpec, build_model
from train.quantization import (
    SCHEMES,
    DynamicRange,
    Float32,
    PtqInt8,
    QatInt8,
    QuantizationSpec,
    quantize,
)
from train.quantization.gates import install
from train.quantization.tfmot_int8 import float_kernels, quantization_aware
from train.quantization.tfmot_tools import tools

SMALL = {
    "cnn_digits": ModelSpec("cnn_digits", width=4, dense=8),
    "ds_cnn": ModelSpec("ds_cnn", width=8, blocks=1),
    "res_sep": ModelSpec("res_sep", width=8, blocks=2, kernel=3),
    "lstm": ModelSpec("lstm", width=6),
    "svdf": ModelSpec("svdf", width=6, blocks=2, rank=2, memory=5),
}
QUICK = QatInt8(epochs=1, batch=32)
TINY_TEACHER = ModelSpec("cnn_digits", width=6, dense=12)


def quick(scheme: str) -> QuantizationSpec:
    """A scheme with options that take seconds."""
    options = {
        "epochs": 1,
        "batch": 32,
        "pruning_epochs": 2,
        "sparsity": 0.25,
        "teacher": TINY_TEACHER,
        "teacher_epochs": 3,
    }
    known = {field.name for field in fields(SCHEMES[scheme])}
    return SCHEMES[scheme](**{k: v for k, v in options.items() if k in known})


def small(name: str = "ds_cnn", seed: int = 0) -> Any:
    start(seed)
    return build_model(SMALL[name], SHAPE, CLASSES)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return tiny_data()


@pytest.fixture(scope="module")
def trained(data: TrainingData) -> Any:
    model = small()
    fit(model, data.train, data.validation, FitSpec(epochs=6, batch=16, warmup_epochs=1))
    return model


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_schemes(scheme: str, trained: Any, data: TrainingData) -> None:
    """What runs as C gives the same bytes at every layer in the definition, the C and TFLM."""
    before = [w.copy() for w in trained.get_weights()]
    result = quantize(trained, data, quick(scheme), seed=3)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    test = examples(60, 9)
    exact = run_tflite(result.reference, test.features)
    got = run_tflite(result.tflite, test.features)
    assert np.mean(got.argmax(1) == exact.argmax(1)) > 0.9
    assert ("c" in result.runs_on) == (scheme not in ("float32", "float16", "dynamic_range"))
    if "c" in result.runs_on:
        graph = tflite_reader.read(result.tflite)
        check_int8(graph)
        inputs = test.features[..., None]
        defined = ReferenceBackend(graph).run(inputs)
        others = [HostBackend.from_graph(graph).run(inputs)]
        if "tflm" in result.runs_on:
            others.append(TflmBackend(result.tflite).run(inputs))
        for trace in others:
            shared = set(trace) & set(defined)
            assert graph.outputs[0] in shared and len(shared) >= len(graph.ops) // 2
            for index in shared:
                np.testing.assert_array_equal(trace[index], defined[index])
        noise = layer_noise(result.tflite, result.reference, test.features, trace=others[-1])
        assert len(noise) >= len(graph.ops) // 2
        assert min(layer.sqnr_db for layer in noise) > 10


@pytest.mark.parametrize("name", sorted(ZOO))
def test_int8_runs_in_tflm(name: str, data: TrainingData) -> None:
    result = quantize(small(name), data, PtqInt8())
    backend = TflmBackend(result.tflite)
    graph = tflite_reader.read(result.tflite)
    trace = backend.run(windows(data.calibration[:2], graph.tensors[graph.inputs[0]].shape))
    output = graph.tensors[graph.outputs[0]]
    assert last_step(trace[output.index], output.shape).shape == (2, CLASSES)


def test_same_seed_same_bytes(trained: Any, data: TrainingData) -> None:
    first = quantize(trained, data, QUICK, seed=3)
    again = quantize(trained, data, QUICK, seed=3)
    assert first.tflite == again.tflite
    assert first.reference == again.reference


def test_dynamic_range_says_what_it_leaves_and_runs_in_litert_only(data: TrainingData) -> None:
    start(0)
    model = build_model(ModelSpec("cnn_digits", width=8, dense=8), SHAPE, CLASSES)
    result = quantize(model, data, DynamicRange())
    assert "LiteRT only" in result.notes[0]
    assert "conv" in result.notes[1] and "float" in result.notes[1]
    with pytest.raises(ModelError, match="TFLite Micro must be able"):
        run_tflite(result.tflite, data.calibration, engine="tflm")


def test_float32_runs_in_tflm(trained: Any, data: TrainingData) -> None:
    result = quantize(trained, data, Float32())
    got = run_tflite(result.tflite, data.calibration[:8], engine="tflm")
    np.testing.assert_allclose(got, predictions(trained, data.calibration[:8]), atol=1e-5)


def test_ptq_input_scale_is_exact_when_clips_reach_no_end(trained: Any, data: TrainingData) -> None:
    quiet = np.clip(data.calibration, -90, 20).astype(np.int8)
    before = quiet.copy()
    result = quantize(trained, replace(data, calibration=quiet), PtqInt8())
    check_int8(tflite_reader.read(result.tflite))
    np.testing.assert_array_equal(quiet, before)


def test_qat_input_range_stays_fixed(trained: Any, data: TrainingData) -> None:
    aware = quantization_aware(trained)
    gates = install(aware)
    source = next(g for g in gates if g.kind == "input")
    assert tuple(float(x) for x in source.range) == (-2.0, 127 / 64)
    aware(np.full((1, *SHAPE, 1), 50, np.float32), training=True)
    assert tuple(float(x) for x in source.range) == (-2.0, 127 / 64)


def separate_relu(kind: str, relu: str) -> Any:
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    if kind == "Conv2D":
        x = L.Conv2D(4, 3)(x)
    elif kind == "DepthwiseConv2D":
        x = L.DepthwiseConv2D(3, depth_multiplier=4)(x)
    else:
        x = L.Dense(4)(L.Flatten()(x))
    x = L.ReLU()(x) if relu == "ReLU" else L.Activation("relu")(x)
    if kind != "Dense":
        x = L.Flatten()(x)
    return load().keras.Model(inputs, L.Dense(CLASSES, activation="softmax")(x))


@pytest.mark.parametrize("relu", ["ReLU", "Activation"])
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "Dense"])
def test_relu_as_a_layer_of_its_own_is_repaired(kind: str, relu: str) -> None:
    """tfmot's own `quantize_model` leaves these weights float without a word."""
    start(0)
    model = separate_relu(kind, relu)
    theirs = load().tfmot.quantization.keras.quantize_model(model)
    assert len(float_kernels(theirs)) == 1
    aware = quantization_aware(model)
    assert float_kernels(aware) == []
    gates = install(aware)
    gates.calibrate(examples(40).features)
    tflite = to_tflite(aware, "int8", quantization_aware=True)
    kinds = [op.kind for op in tflite_reader.read(tflite).ops]
    assert "QUANTIZE" not in kinds and "RELU" not in kinds


def test_layers_that_tfmot_does_not_know_are_refused() -> None:
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    x = L.LayerNormalization()(x)
    x = L.Dense(CLASSES, activation="softmax")(L.Flatten()(x))
    with pytest.raises(UnsupportedModelError, match=r"must know every layer.*layer_norm") as caught:
        quantization_aware(load().keras.Model(inputs, x))
    assert "\n" not in str(caught.value)


def test_a_kernel_without_quantizer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    start(0)
    model = separate_relu("Conv2D", "ReLU")
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_scheme as scheme,
    )

    monkeypatch.setattr(tools(), "Scheme", scheme.Default8BitQuantizeScheme)
    with pytest.raises(UnsupportedModelError, match="no quantizer for conv2d/kernel"):
        quantization_aware(model)


@pytest.mark.parametrize("scheme", [n for n, s in SCHEMES.items() if "c" in quick(n).runs_on])
def test_too_few_calibration_clips(scheme: str, trained: Any, data: TrainingData) -> None:
    with pytest.raises(ModelError, match=r"at least 32 clips. Received: 31"):
        quantize(trained, replace(data, calibration=data.calibration[:31]), quick(scheme))


def test_calibration_of_one_value(trained: Any, data: TrainingData) -> None:
    flat = np.full_like(data.calibration, -128)
    with pytest.raises(ModelError, match="must differ"):
        quantize(trained, replace(data, calibration=flat), PtqInt8())


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_weights_that_are_no_numbers(scheme: str, data: TrainingData) -> None:
    model = small()
    kernel = model.get_layer("conv").kernel
    kernel.assign(np.where(np.arange(kernel.shape[-1]) == 1, np.nan, kernel.numpy()))
    with pytest.raises(ModelError, match=r"finite number.*conv/kernel.*diverged"):
        quantize(model, data, quick(scheme))


def test_wrong_scales_are_refused(trained: Any, data: TrainingData) -> None:
    aware = quantization_aware(trained)
    gates = install(aware)
    gates.calibrate(data.calibration)
    next(g for g in gates if g.kind == "input").set_range(-1.0, 1.0)
    with pytest.raises(ModelError, match=r"input's scale must be 0.015625"):
        to_tflite(aware, "int8", quantization_aware=True)


@pytest.mark.parametrize("value", [0, 31, 1_000_000])
def test_impossible_options(value: int) -> None:
    with pytest.raises(SpecError, match="calibration_clips must be from 32"):
        PtqInt8(calibration_clips=value)
    with pytest.raises(SpecError, match="epochs must be from 1"):
        QatInt8(epochs=0)


def test_real_features() -> None:
    values = np.array([[[-128, 0, 127]]], np.int8)
    np.testing.assert_array_equal(real_features(values)[0, 0, :, 0], [-2.0, 0.0, 127 / 64])


def test_a_full_temporary_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter would go on without its temporary files and give another model."""
    usage = type("Usage", (), {"free": 1 << 20})()
    monkeypatch.setattr("convert.export.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"MB free.*Received: .* with 1 MB"):
        to_tflite(small(), "float32")
