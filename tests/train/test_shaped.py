"""Pruned, clustered, and both: zeros and clusters are in the int8 file, and every engine agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import ModelError, SpecError, UnsupportedModelError
from convert.export import to_tflite
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.tiny import CLASSES, SHAPE, examples, tiny_data
from train.evaluate import run_tflite
from train.features import TrainingData
from train.fit import FitSpec, Step, fit, predictions
from train.keras import start
from train.models import ModelSpec, build_model
from train.quantization import quantize
from train.quantization.clustered_int8 import ClusteredInt8
from train.quantization.clusters import Clustering, initial_levels, lloyd
from train.quantization.gates import Gates, install
from train.quantization.kernels import Kernel, choose, kernels, positive_norms, tensor_of
from train.quantization.masks import (
    Masks,
    Pruning,
    is_two_of_four,
    layer_adaptive_masks,
    magnitude_mask,
    pairs_mask,
)
from train.quantization.promises import proven_notes
from train.quantization.pruned_clustered_int8 import PrunedClusteredInt8
from train.quantization.pruned_int8 import PrunedInt8
from train.quantization.tfmot_int8 import quantization_aware

LAYERS = {"conv": 320, "depthwise_1": 72, "pointwise_1": 64, "words": 24}
QUICK = {"epochs": 1, "batch": 32}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return tiny_data()


@pytest.fixture(scope="module")
def trained(data: TrainingData) -> Any:
    """Every third channel of its BatchNorms has a factor below 0."""
    start(0)
    model = build_model(ModelSpec("ds_cnn", width=8, blocks=1), SHAPE, CLASSES)
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            layer.gamma.assign(np.where(np.arange(8) % 3 == 1, -1.0, 1.0))
    spec = FitSpec(epochs=20, batch=16, warmup_epochs=1, learning_rate=1e-2)
    fit(model, data.train, data.validation, spec)
    return model


def aware_kernels(model: Any) -> tuple[Gates, tuple[Kernel, ...]]:
    gates = install(quantization_aware(model))
    return gates, kernels(gates)


def codes(tflite: bytes) -> dict[str, np.ndarray]:
    """int8 weights by layer, in the order of the file's dimensions."""
    graph = tflite_reader.read(tflite)
    found = {}
    for op in graph.ops:
        for name in LAYERS:
            tensor = graph.tensors[op.inputs[1]] if len(op.inputs) > 1 else None
            if tensor is not None and f"quant_{name}/" in tensor.name and tensor.data is not None:
                assert tensor.dtype == "int8" and name not in found
                found[name] = tensor.data
    assert {name: array.size for name, array in found.items()} == LAYERS
    return found


def assert_engines_agree(tflite: bytes) -> None:
    """Reference, C and TFLM, at every layer."""
    graph = tflite_reader.read(tflite)
    features = examples(12, 9).features[..., None]
    expected = ReferenceBackend(graph).run(features)
    for backend in (HostBackend.from_graph(graph), TflmBackend(tflite)):
        trace = backend.run(features)
        for op in graph.ops:
            np.testing.assert_array_equal(trace[op.outputs[0]], expected[op.outputs[0]])


@pytest.mark.parametrize(
    ("spec", "pruned", "levels"),
    [
        (PrunedInt8(pruning_epochs=3, **QUICK), {"conv", "pointwise_1", "words"}, None),
        (
            PrunedInt8(pruning_epochs=3, spread="uniform", **QUICK),
            {"conv", "pointwise_1", "words"},
            None,
        ),
        (PrunedInt8(pattern="2:4", pruning_epochs=1, depthwise=True, **QUICK), set(LAYERS), None),
        (ClusteredInt8(clusters=6, depthwise=True, **QUICK), set(), 6),
        (
            PrunedClusteredInt8(
                clusters=5, initial="linear", sparsity=0.6, pruning_epochs=2, **QUICK
            ),
            {"conv", "pointwise_1", "words"},
            5,
        ),
    ],
    ids=["pruned", "uniform", "two_of_four", "clustered", "both"],
)
def test_schemes(
    spec: Any, pruned: set[str], levels: int | None, trained: Any, data: TrainingData
) -> None:
    before = [w.copy() for w in trained.get_weights()]
    steps: list[Step] = []
    result = quantize(trained, data, spec, seed=3, progress=steps.append)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    found = codes(result.tflite)
    for name in pruned:
        array = found[name]
        if spec.pattern == "2:4":
            # The first kernel has one input: a row of one weight has no neighbours.
            assert is_two_of_four(array)
            assert np.mean(array == 0) >= (0 if name == "conv" else 0.5)
        else:
            assert np.count_nonzero(array) > 0
            if spec.spread == "uniform":
                assert np.count_nonzero(array == 0) >= spec.pruning().sparsity * array.size
    if pruned and spec.pattern == "unstructured":
        together = np.concatenate([found[name].reshape(-1) for name in sorted(pruned)])
        assert np.count_nonzero(together == 0) >= spec.pruning().sparsity * together.size
    for name, array in found.items():
        if levels is not None and (spec.depthwise or name != "depthwise_1"):
            assert len(np.unique(array)) <= levels, name
        elif name not in pruned:
            assert np.mean(array == 0) < 0.2 and len(np.unique(array)) > 15
    assert_engines_agree(result.tflite)

    epochs = 1 + (spec.pruning().epochs if spec.pruning() else 0)
    assert result.history is not None and len(result.history.epochs) == epochs
    assert result.history.kept == epochs - 1
    assert [(s.epoch, s.epochs, s.step) for s in steps] == [
        (epoch, epochs, step) for epoch in range(epochs) for step in (1, 2, 3)
    ]
    assert all(name in result.notes[0] for name in pruned)
    assert f"{len(result.tflite):,} bytes" in result.notes[-1]

    test = examples(60, 9)
    exact, got = (run_tflite(x, test.features) for x in (result.reference, result.tflite))
    assert np.mean(got.argmax(1) == exact.argmax(1)) > 0.9
    aware = predictions(result.keras, test.features)
    assert np.abs(aware - got).max() < 0.05  # fake quantization is float: it rounds differently


def test_same_seed_same_bytes(trained: Any, data: TrainingData) -> None:
    spec = PrunedClusteredInt8(pruning_epochs=1, **QUICK)
    first, again = (quantize(trained, data, spec, seed=3) for _ in range(2))
    assert first.tflite == again.tflite and first.reference == again.reference


def test_a_channel_without_any_weight_left(trained: Any, data: TrainingData) -> None:
    """It has no range of its own; its bias must still have a scale."""
    start(0)
    model = build_model(ModelSpec("ds_cnn", width=8, blocks=1), SHAPE, CLASSES)
    model.set_weights(trained.get_weights())
    for name in ("conv", "pointwise_1"):
        kernel = model.get_layer(name).kernel
        kernel.assign(kernel.numpy() * (np.arange(8) != 2))
    result = quantize(model, data, PrunedInt8(pruning_epochs=1, **QUICK), seed=1)
    for name in ("conv", "pointwise_1"):
        assert not codes(result.tflite)[name][2].any()
    graph = tflite_reader.read(result.tflite)
    scales = [s for t in graph.tensors if t.quant for s in t.quant.scale]
    assert np.all(np.isfinite(scales)) and min(scales) > 1e-7
    assert_engines_agree(result.tflite)


def test_turned_signs_compute_the_same(trained: Any) -> None:
    gates, every = aware_kernels(trained)
    gates.set_mode("off", ("input", "weight", "activation"))
    features = examples(12).features
    before = predictions(gates.model, features)
    positive_norms(every)
    norms = [x.layer for x in gates.model.layers if x.name.endswith("_norm")]
    assert len(norms) == 3 and all(norm.gamma.numpy().min() > 0 for norm in norms)
    np.testing.assert_array_equal(predictions(gates.model, features), before)


def test_turned_signs_with_a_bias(data: TrainingData) -> None:
    from train.keras import load

    start(0)
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    x = L.Conv2D(4, 3, bias_initializer="random_normal", name="conv")(x)
    x = L.BatchNormalization(gamma_initializer="random_normal", name="norm")(x)
    x = L.Flatten()(L.ReLU()(x))
    model = load().keras.Model(inputs, L.Dense(CLASSES, activation="softmax")(x))
    model.get_layer("norm").moving_mean.assign([0.1, -0.2, 0.3, -0.4])
    gates, every = aware_kernels(model)
    gates.set_mode("off", ("input", "weight", "activation"))
    before = predictions(gates.model, data.calibration)
    positive_norms(every)
    assert np.any(every[0].weight.numpy() != model.get_layer("conv").kernel.numpy())
    np.testing.assert_array_equal(predictions(gates.model, data.calibration), before)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.7, 0.95])
def test_magnitude_mask(sparsity: float) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 3, 5, 7)).astype(np.float32)
    mask = magnitude_mask(weights, sparsity)
    assert np.count_nonzero(~mask) == np.ceil(sparsity * weights.size)
    if sparsity:
        assert np.abs(weights[~mask]).max() <= np.abs(weights[mask]).min()
    assert magnitude_mask(weights[0, 0, 0, :1], 0.95).all()  # one weight stays
    assert np.count_nonzero(magnitude_mask(np.ones(10, np.float32), 0.7)) == 3


def test_layer_adaptive_masks() -> None:
    small, large = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([10.0, 20.0, 30.0])
    # Scores by hand: 1/30, 4/29, 9/25, 1 and 100/1400, 400/1300, 1, whatever the kernel's scale.
    for scale in (1, 1000):
        for zeros, cut in ((1, [1]), (2, [1, 10]), (3, [1, 2, 10]), (4, [1, 2, 10, 20])):
            masks = layer_adaptive_masks([small, scale * large], zeros / 7)
            assert [m.shape for m in masks] == [(2, 2), (3,)]
            gone = [*np.abs(small[~masks[0]]), *large[~masks[1]]]
            assert sorted(gone) == cut
    # One weight of each kernel stays, also of one that is all zero.
    for mask in layer_adaptive_masks([small, np.zeros(5), large], 0.99):
        assert np.count_nonzero(mask) == 1
    assert all(m.all() for m in layer_adaptive_masks([small, large], 0.0))


def test_two_of_four(trained: Any) -> None:
    assert is_two_of_four(np.array([[1, 0, 0, 2, 3, 4]]))
    assert not is_two_of_four(np.array([[1, 0, 5, 2, 3, 4]]))
    assert not is_two_of_four(np.array([[1, 0, 0, 2, 3, 4, 5]]))
    assert is_two_of_four(np.ones((6, 1)))
    _, every = aware_kernels(trained)
    for kernel in every:
        weights = kernel.weight.numpy()
        mask = pairs_mask(kernel, weights)
        rows = kernel.in_file(weights * mask)
        assert mask.shape == weights.shape and is_two_of_four(rows)
        if kernel.name != "conv":
            groups = np.abs(kernel.in_file(weights)).reshape(-1, 4)
            expected = np.sort(groups, axis=1)[:, 2:].sum()
            np.testing.assert_allclose(np.abs(rows).sum(), expected, rtol=1e-5)  # float32 sums


def test_masks_rise_and_then_stay(trained: Any) -> None:
    _, every = aware_kernels(trained)
    kernel = every[0]
    masks = Masks([kernel], Pruning(0.8, "unstructured", "uniform", 5, 1e-3), ramp=40)
    assert kernel.gate.before is not None
    kept = []
    for step in range(1, 51):
        kernel.weight.assign(np.roll(kernel.weight.numpy(), 1))
        masks.follow(step)
        kept.append(kernel.gate.before(kernel.weight).numpy() != 0)
    shares = [float(np.mean(~one)) for one in kept]
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[39] == 0.8
    assert shares[19] == pytest.approx(0.8 * (1 - 0.5**3), abs=0.01)
    assert np.any(kept[38] & ~kept[37])  # weights come back as long as masks move
    for one in kept[40:]:
        np.testing.assert_array_equal(one, kept[39])


@pytest.mark.parametrize("initial", ["kmeans++", "linear"])
@pytest.mark.parametrize("keep_zero", [False, True])
def test_levels(initial: Any, keep_zero: bool) -> None:
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(0, 0.3, 2000), -1, 1).astype(np.float32)
    if keep_zero:
        values[rng.random(2000) < 0.6] = 0
    levels = initial_levels(values, 16, initial, keep_zero=keep_zero)
    assert len(levels) == 16 and np.all(np.diff(levels) >= 0)
    assert keep_zero == (0.0 in levels)

    def error(at: np.ndarray) -> float:
        return float(np.square(values[:, None] - at).min(axis=1).mean())

    assert error(levels) < 0.8 * error(np.linspace(-1, 1, 17))
    start_at = np.linspace(-0.9, 0.9, 7).astype(np.float32)
    moved = lloyd(values, start_at, keep_zero=False)
    assert error(moved) < error(start_at)
    np.testing.assert_array_equal(lloyd(values, levels, keep_zero=keep_zero), levels)
    few = np.array([0.5, -1, 0.5, 1], np.float32)
    expected = [-1, 0, 0.5, 1] if keep_zero else [-1, 0.5, 1]
    np.testing.assert_array_equal(initial_levels(few, 16, initial, keep_zero=keep_zero), expected)


def test_which_kernels(trained: Any) -> None:
    _, every = aware_kernels(trained)

    def names(depthwise: bool, first: bool, last: bool) -> list[str]:
        found = choose(every, depthwise=depthwise, first_layer=first, last_layer=last)
        return [kernel.name for kernel in found]

    assert names(True, True, True) == list(LAYERS)
    assert names(False, False, True) == ["pointwise_1", "words"]
    assert names(True, True, False) == ["conv", "depthwise_1", "pointwise_1"]
    with pytest.raises(UnsupportedModelError, match=r"Conv2D or Dense.*depthwise_1 \(depthwise\)"):
        choose(every[1:2], depthwise=False, first_layer=True, last_layer=True)


def test_broken_promises_are_told(trained: Any, data: TrainingData) -> None:
    gates, every = aware_kernels(trained)
    gates.calibrate(data.calibration)
    tflite = to_tflite(gates.model, "int8", quantization_aware=True)
    pruning = Pruning(0.5, "2:4", "lamp", 1, 1e-3)
    with pytest.raises(ModelError, match=r"two of four.*layer depthwise_1"):
        proven_notes(tflite, every, every, pruning=pruning, clustering=None)
    few = Clustering(4, "linear")
    with pytest.raises(ModelError, match=r"at most 4 different.*layer conv"):
        proven_notes(tflite, every, every, pruning=None, clustering=few)
    every[0].weight.assign(every[0].weight.numpy() * (np.arange(8) != 5))
    with pytest.raises(ModelError, match=r"must be 0 in the .tflite.*layer conv"):
        proven_notes(
            tflite, every, every, pruning=replace(pruning, pattern="unstructured"), clustering=None
        )
    other = replace(every[0], name="gone", wrapper=every[1].wrapper)
    with pytest.raises(ModelError, match=r"layer gone must be one constant of 320 weights"):
        tensor_of(tflite_reader.read(tflite), other)


@pytest.mark.parametrize(
    ("scheme", "options", "message"),
    [
        (PrunedInt8, {"sparsity": 0.96}, r"sparsity must be from 0 to 0\.95\. Received: 0\.96"),
        (PrunedInt8, {"sparsity": -0.1}, "sparsity must be from 0"),
        (PrunedInt8, {"sparsity": float("nan")}, "sparsity must be from 0"),
        (PrunedInt8, {"spread": "even"}, 'spread must be "lamp" or "uniform". Received: even'),
        (PrunedInt8, {"sparsity": 0.7, "pattern": "2:4"}, r"must be 0\.5 \(or left out\)"),
        (PrunedInt8, {"pattern": "1:4"}, r'pattern must be "unstructured" or "2:4"'),
        (PrunedInt8, {"pruning_epochs": 0}, "pruning_epochs must be from 1"),
        (PrunedInt8, {"pruning_rate": 0.0}, "pruning_rate must be from"),
        (PrunedInt8, {"epochs": 0}, "^epochs must be from 1"),
        (ClusteredInt8, {"clusters": 1}, "clusters must be from 2 to 256. Received: 1"),
        (ClusteredInt8, {"clusters": 257}, "clusters must be from 2 to 256"),
        (ClusteredInt8, {"initial": "random"}, 'initial must be "kmeans'),
        (ClusteredInt8, {"calibration_clips": 5}, "calibration_clips must be from 32"),
        (PrunedClusteredInt8, {"clusters": 2}, "because zero is one of them. Received: 2"),
        (PrunedClusteredInt8, {"sparsity": 1.0}, "sparsity must be from 0"),
    ],
)
def test_impossible_options(scheme: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        scheme(**options)


def test_bad_input(trained: Any, data: TrainingData) -> None:
    with pytest.raises(ModelError, match=r"at least 32 clips. Received: 31"):
        quantize(trained, replace(data, calibration=data.calibration[:31]), ClusteredInt8())
