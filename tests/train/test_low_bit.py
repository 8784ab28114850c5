"""4-bit weights in training and in the file: linear_int4, log4, mixed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.codebook import nbytes, pack_weights, pays
from convert.errors import ModelError, SpecError, UnsupportedModelError
from convert.graph import CHANNEL_AXES, Graph
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.test_quantization import small
from tests.train.tiny import CLASSES, SHAPE, examples, tiny_data
from train.features import TrainingData
from train.foresee import check_scheme
from train.keras import load, start
from train.models import ModelSpec, build_model
from train.quantization import Quantized, quantize
from train.quantization.knapsack import Candidate, best_mix
from train.quantization.linear_int4 import LinearInt4
from train.quantization.log4 import Log4
from train.quantization.low_bit import (
    METHODS,
    WeightedLayer,
    deploy,
    low_bit_layers,
    weight_tensors,
    weighted_layers,
)
from train.quantization.mixed import Mixed

LOG_POWERS = [0, *(sign * v for sign in (-1, 1) for v in (2, 4, 8, 16, 32, 64, 127))]
LOG_VALUES = [-127, -85, -56, -38, -25, -17, -11, 0, 11, 17, 25, 38, 56, 85, 127]


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return tiny_data()


def weights(tflite: bytes) -> dict[str, Any]:
    """Operator's kind and place -> its weight tensor."""
    graph = tflite_reader.read(tflite)
    return {
        f"{op.kind} {op.index}": graph.tensors[op.inputs[1]]
        for op in graph.ops
        if op.kind in CHANNEL_AXES
    }


def equal_everywhere(tflite: bytes) -> Graph:
    """Definition, C and TFLM: the same bytes at every layer that they show."""
    graph = tflite_reader.read(tflite)
    inputs = examples(6, 5).features[..., None]
    defined = ReferenceBackend(graph).run(inputs)
    for trace in (HostBackend.from_graph(graph).run(inputs), TflmBackend(tflite).run(inputs)):
        shared = set(trace) & set(defined)
        assert graph.outputs[0] in shared
        for index in shared:
            np.testing.assert_array_equal(trace[index], defined[index])
    return graph


def flash(graph: Graph) -> int:
    """Bytes of the weights as the C keeps them."""
    packed = pack_weights(graph)
    total = 0
    for op in packed.ops:
        if op.kind in CHANNEL_AXES:
            tensor = packed.tensors[op.inputs[1]]
            codes = tensor.codes
            total += tensor.size if codes is None else nbytes(codes, op.kind)
    return total


@pytest.fixture(scope="module")
def digits(data: TrainingData) -> Quantized:
    """One layer of three at 8 bits, scales by the least squared error."""
    spec = LinearInt4(epochs=1, batch=32, clip="mse", keep_int8=("dense",))
    return quantize(small("cnn_digits"), data, spec, seed=3)


def test_linear_int4(digits: Quantized) -> None:
    found = weights(digits.tflite)
    assert [t.dtype for t in found.values()] == ["int4", "int8", "int4"]
    for kind, tensor in found.items():
        assert np.abs(tensor.data).max() == (7 if tensor.dtype == "int4" else 127)
        assert tensor.quant.per_channel == (not kind.startswith("FULLY"))
    assert len(np.unique(found["FULLY_CONNECTED 3"].data)) > 16
    equal_everywhere(digits.tflite)


@pytest.mark.parametrize("base,values", [(1.5, LOG_VALUES), (2.0, LOG_POWERS)])
def test_log4(base: float, values: list[int], data: TrainingData) -> None:
    """All channels of a tensor share one code book, whatever BatchNormalization does to them."""
    model = small("res_sep" if base == 2 else "ds_cnn")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, load().keras.layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(-2, 2, layer.gamma.shape))
            layer.moving_variance.assign(rng.uniform(0.1, 3, layer.gamma.shape))
    kept = () if base == 2 else ("conv",)
    result = quantize(model, data, Log4(base=base, epochs=1, batch=32, keep_int8=kept), seed=3)
    found = list(weights(result.tflite).values())
    assert {t.dtype for t in found} == {"int8"}
    for tensor in found[len(kept) :]:
        assert np.isin(tensor.data, values).all()
        assert np.abs(tensor.data).max() == 127
    assert (len(np.unique(found[0].data)) > 16) == bool(kept)
    equal_everywhere(result.tflite)


def test_the_reference_has_the_same_weights(digits: Quantized) -> None:
    """Multiples of each channel's step, in float."""
    real = weights(digits.reference)
    for kind, tensor in weights(digits.tflite).items():
        data = np.moveaxis(tensor.data, CHANNEL_AXES[kind.split()[0]], -1)
        steps = np.moveaxis(real[kind].data, CHANNEL_AXES[kind.split()[0]], -1)
        # The scale is the float32 nearest to the largest weight / 127 (and times 127 / 7).
        np.testing.assert_allclose(steps, data * np.float32(tensor.quant.scale), rtol=1e-5)


def test_same_seed_same_bytes(digits: Quantized, data: TrainingData) -> None:
    spec = LinearInt4(epochs=1, batch=32, clip="mse", keep_int8=("dense",))
    again = quantize(small("cnn_digits"), data, spec, seed=3)
    assert digits.tflite == again.tflite and digits.reference == again.reference


def test_mixed(data: TrainingData) -> None:
    """Large enough for every method to be worth it; the bytes are those of the C."""
    start(0)
    model = build_model(ModelSpec("cnn_digits", width=8, dense=48), SHAPE, CLASSES)
    layers = weighted_layers(model)
    whole = sum(one.weights for one in layers)
    assert [(x.name, x.kind, x.rows) for x in layers] == [
        ("conv", "Conv2D", 8),
        ("dense", "Dense", 48),
        ("words", "Dense", CLASSES),
    ]
    spec = Mixed(
        weight_bytes=whole - 1, layers={"dense": "log4", "words": "int8"}, epochs=1, batch=32
    )
    result = quantize(model, data, spec, seed=3)
    choice = spec.choose(model, data)
    methods = dict(choice.methods)
    assert methods == {"conv": methods["conv"], "dense": "log4", "words": "int8"}
    graph = equal_everywhere(result.tflite)
    assert flash(graph) == choice.nbytes < whole
    assert str(choice.nbytes) in result.notes[0]
    tensors = weight_tensors(graph, tuple(methods))
    assert np.isin(tensors["dense"].data, LOG_VALUES).all()
    assert (tensors["conv"].dtype == "int4") == (methods["conv"] == "int4")
    # Where less fits, the largest layer must have 4 bits.
    tight = dict(Mixed(weight_share=0.55).choose(model, data).methods)
    assert tight["dense"] in ("int4", "log4")


def test_mixed_refuses_before_it_measures(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("sensitivity was measured")

    monkeypatch.setattr("train.sensitivity.sensitivity", measured)
    model = small()
    smallest = sum(x.rows * ((x.weights // x.rows + 1) // 2) for x in weighted_layers(model))
    with pytest.raises(
        SpecError, match=rf"fit into 100 bytes.*smallest mix takes {smallest}.*weight_bytes"
    ):
        quantize(model, data, Mixed(weight_bytes=100))
    with pytest.raises(SpecError, match=r"fit into 100 bytes"):
        check_scheme(model, Mixed(weight_bytes=100))
    with pytest.raises(SpecError, match=r"layers must name.*Received: word. Did you mean words\?"):
        quantize(model, data, Mixed(layers={"word": "int8"}))


def brute_force(candidates: list[Candidate], budget: int) -> tuple[float, int] | None:
    best = None
    for methods in itertools.product(*(c.noise for c in candidates)):
        pairs = list(zip(candidates, methods, strict=True))
        for kind in {c.kind for c in candidates}:
            logs = [c for c, m in pairs if c.kind == kind and m == "log4"]
            saving = sum(max(0, c.nbytes("int8") - c.nbytes("log4")) for c in logs)
            whole = all(m != "int8" for c, m in pairs if c.kind == kind)
            if logs and not pays(kind, saving, all_packed=whole):
                break
        else:
            size = sum(c.nbytes(m) for c, m in pairs)
            noise = sum(c.noise[m] for c, m in pairs)
            if size <= budget and (best is None or (noise, size) < best):
                best = noise, size
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_mix_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    candidates = [
        Candidate(
            f"layer{i}",
            str(rng.choice(["CONV_2D", "FULLY_CONNECTED"])),
            int(rng.integers(1, 40)),
            int(rng.integers(9, 60)),
            # Whole numbers, so that sums in any order are equal.
            {m: float(rng.integers(1, 1000)) for m in METHODS[: int(rng.integers(1, 4))]},
        )
        for i in range(6)
    ]
    full = sum(c.nbytes("int8") for c in candidates)
    for share in (0.4, 0.55, 0.7, 0.85, 1.0):
        expected = brute_force(candidates, int(share * full))
        if expected is None:
            with pytest.raises(SpecError, match=r"must (fit into|save more)"):
                best_mix(candidates, int(share * full))
        else:
            got = best_mix(candidates, int(share * full))
            assert (got.noise, got.nbytes) == expected
            assert [name for name, _ in got.methods] == [c.name for c in candidates]


def test_int8_where_there_is_room(data: TrainingData) -> None:
    """More bits never have more noise here, so a budget of everything changes nothing."""
    choice = Mixed(weight_share=1.0).choose(small(), data)
    assert set(dict(choice.methods).values()) == {"int8"}


def dense_norm() -> Any:
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    x = L.Dense(6, use_bias=False, name="wide")(L.Flatten()(x))
    x = L.ReLU()(L.BatchNormalization()(x))
    return load().keras.Model(inputs, L.Dense(CLASSES, activation="softmax", name="words")(x))


def test_layers_that_cannot_have_4_bits(data: TrainingData) -> None:
    start(0)
    model = dense_norm()
    for spec in (LinearInt4(epochs=1), Log4(epochs=1), Mixed(layers={"wide": "int4"})):
        with pytest.raises(UnsupportedModelError, match=r"followed by BatchNorm.*Received: wide"):
            quantize(model, data, spec)
        with pytest.raises(UnsupportedModelError, match=r"followed by BatchNorm.*Received: wide"):
            check_scheme(model, spec)  # before training
    assert low_bit_layers(model) == ("words",)
    result = quantize(model, data, LinearInt4(epochs=1, batch=32, keep_int8=("wide",)))
    assert [t.dtype for t in weights(result.tflite).values()] == ["int8", "int4"]


def test_layers_that_tfmot_splits_stay_int8(data: TrainingData) -> None:
    """A separable convolution becomes two layers of other names."""
    start(0)
    L = load().keras.layers
    x = inputs = L.Input((*SHAPE, 1))
    x = L.SeparableConv2D(4, 3, strides=2, activation="relu", name="split")(x)
    x = L.Dense(CLASSES, activation="softmax", name="to/words")(L.Flatten()(x))
    model = load().keras.Model(inputs, x)
    with pytest.raises(UnsupportedModelError, match=r"Received: split, a SeparableConv2D"):
        quantize(model, data, LinearInt4())
    result = quantize(model, data, LinearInt4(epochs=1, batch=32, keep_int8=("split",)))
    assert [t.dtype for t in weights(result.tflite).values()] == ["int8", "int8", "int4"]


def test_unknown_layers(data: TrainingData) -> None:
    for spec in (LinearInt4(keep_int8=("pointwise_2",)), Log4(keep_int8=("pointwise_2",))):
        with pytest.raises(
            SpecError, match=r"keep_int8 must name.*pointwise_2. Did you mean pointwise_1"
        ):
            quantize(small(), data, spec)


@pytest.mark.parametrize("spec", [LinearInt4(), Log4(), Mixed()])
def test_bad_models_and_clips(spec: Any, data: TrainingData) -> None:
    few = replace(data, calibration=data.calibration[:31])
    with pytest.raises(ModelError, match=r"at least 32 clips. Received: 31"):
        quantize(small(), few, spec)
    model = small()
    kernel = model.get_layer("conv").kernel
    kernel.assign(np.where(np.arange(kernel.shape[-1]) == 1, np.nan, kernel.numpy()))
    with pytest.raises(ModelError, match=r"finite number.*conv/kernel.*diverged"):
        quantize(model, data, spec)


def test_impossible_options() -> None:
    for base in (1.0, 0.5, 1.05, 2.5, float("nan")):
        for scheme in (Log4, Mixed):
            with pytest.raises(SpecError, match=r"base must be from 1.1 to 2.2"):
                scheme(base=base)
    with pytest.raises(SpecError, match=r"weight_bytes must be"):
        Mixed(weight_bytes=-1)
    with pytest.raises(SpecError, match=r"weight_share must be from 0.05 to 1"):
        Mixed(weight_share=1.5)
    with pytest.raises(SpecError, match=r"sensitivity_clips must be from 1"):
        Mixed(sensitivity_clips=0)
    for scheme in (LinearInt4, Log4, Mixed):
        with pytest.raises(SpecError, match=r"epochs must be from 1"):
            scheme(epochs=0)
        with pytest.raises(SpecError, match=r"calibration_clips must be from 32"):
            scheme(calibration_clips=31)


def test_a_file_with_too_many_values_is_refused(digits: Quantized) -> None:
    """What deploy checks is the file, not what training meant to do."""
    with pytest.raises(ModelError, match=r"at most 16 different values.*in dense"):
        deploy(digits.tflite, {"dense": "log4"})
    with pytest.raises(ModelError, match=r"grid"):
        deploy(digits.tflite, {"dense": "int4"})
    with pytest.raises(ModelError, match=r"Received: none for elsewhere"):
        deploy(digits.tflite, {"elsewhere": "log4"})


def test_weighted_layers() -> None:
    got = weighted_layers(small())
    assert got[:2] == (
        WeightedLayer("conv", "Conv2D", 320, 8),
        WeightedLayer("depthwise_1", "DepthwiseConv2D", 72, 9),
    )
