"""Layers quantized alone: what is measured is what a direct computation gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.errors import ModelError, SpecError
from tests.train.test_quantization import small
from tests.train.tiny import examples, tiny_data
from train.evaluate import sqnr
from train.features import Examples
from train.fit import FitSpec, fit, predictions
from train.quantization.quantizers import linear, linear_scale, log_codes, log_scale, logarithmic
from train.sensitivity import LayerSensitivity, sensitivity

CLIPS = examples(30, 9)


@pytest.fixture(scope="module")
def model() -> Any:
    """Trained, so that BatchNormalization has moved."""
    data = tiny_data()
    made = small()
    fit(made, data.train, data.validation, FitSpec(epochs=2, batch=16, warmup_epochs=1))
    return made


@pytest.fixture(scope="module")
def table(model: Any) -> tuple[LayerSensitivity, ...]:
    return sensitivity(model, CLIPS, tiny_data().calibration)


def row(table: tuple[LayerSensitivity, ...], layer: str, part: str, method: str) -> Any:
    (found,) = [x for x in table if (x.layer, x.part, x.method) == (layer, part, method)]
    return found


def logits(model: Any) -> Any:
    logarithms = np.log(np.maximum(predictions(model, CLIPS.features), 1e-30))
    return logarithms - logarithms.mean(axis=1, keepdims=True)


def test_every_part_of_every_layer(model: Any, table: tuple[LayerSensitivity, ...]) -> None:
    weighted = ["conv", "depthwise_1", "pointwise_1", "words"]
    assert list(dict.fromkeys(x.layer for x in table)) == [*weighted[:3], "pool", "words"]
    assert len(table) == 3 * (3 * len(weighted) + 1)
    sizes = {x.layer: x.weights for x in table if x.part == "weights"}
    assert sizes == {"conv": 320, "depthwise_1": 72, "pointwise_1": 64, "words": 24}
    assert row(table, "conv", "bias", "int8").weights == 8
    assert row(table, "conv", "activations", "int8").weights == 8 * 6 * 8
    assert all(0 <= x.correct <= x.total == 30 for x in table)
    assert all(x.accuracy == x.correct / 30 for x in table)
    for layer in weighted:
        for part in ("weights", "bias", "activations"):
            eight, four = (row(table, layer, part, m).sqnr_db for m in ("int8", "int4"))
            assert eight > four + 10
            assert eight > row(table, layer, part, "log4").sqnr_db


@pytest.mark.parametrize("method", ["int8", "int4", "log4"])
@pytest.mark.parametrize("layer,axis", [("conv", 3), ("depthwise_1", (2, 3)), ("words", ())])
def test_weights_alone(
    model: Any, table: tuple[LayerSensitivity, ...], layer: str, axis: Any, method: str
) -> None:
    """Rounding the kernel by hand and running the float model gives the same logits."""
    before = logits(model)
    found = model.get_layer(layer)
    kernel = found.depthwise_kernel if "depthwise" in layer else found.kernel
    kept = kernel.numpy()
    if method == "log4":
        codes, _ = log_codes(4, 0.5)
        scale = log_scale(kept, 4, 0.5, axis)
        real = logarithmic(kept, scale, 4, 0.5, small="zero")
        place = np.rint(np.log(np.maximum(np.abs(real / scale), 1)) / np.log(1.5)).astype(int)
        top = scale * np.float32(1.5**6)
        rounded = np.sign(real) * codes[place] / 127 * top
    else:
        bits = {"int8": 8, "int4": 4}[method]
        rounded = linear(kept, linear_scale(kept, bits, axis), bits)
    kernel.assign(rounded)
    after = logits(model)
    kernel.assign(kept)
    one = row(table, layer, "weights", method)
    # Sums of the same terms in another order (graph and eager execution) differ in the last bits.
    assert one.logits_sqnr_db == pytest.approx(sqnr(before, after), abs=0.3)


def test_bias_alone(model: Any, table: tuple[LayerSensitivity, ...]) -> None:
    """The folded bias: BatchNormalization's shift less what the mean takes."""
    before = logits(model)
    norm = model.get_layer("conv_norm")
    gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    folded = norm.beta.numpy() - norm.moving_mean.numpy() * gain
    kept = norm.beta.numpy()
    norm.beta.assign(kept + linear(folded, linear_scale(folded, 4), 4) - folded)
    after = logits(model)
    norm.beta.assign(kept)
    one = row(table, "conv", "bias", "int4")
    assert one.logits_sqnr_db == pytest.approx(sqnr(before, after), abs=0.3)


def test_same_arguments_same_numbers_and_progress(
    model: Any, table: tuple[LayerSensitivity, ...]
) -> None:
    before = [w.copy() for w in model.get_weights()]
    told: list[tuple[int, int]] = []
    again = sensitivity(
        model,
        CLIPS,
        tiny_data().calibration,
        parts=("bias", "activations"),
        methods=("int4",),
        progress=lambda done, of: told.append((done, of)),
    )
    assert again == tuple(x for x in table if x.part != "weights" and x.method == "int4")
    assert told == [(n, len(again)) for n in range(1, len(again) + 1)]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_refusals(model: Any) -> None:
    with pytest.raises(ModelError, match=r"at least 32 clips. Received: 31"):
        sensitivity(model, CLIPS, tiny_data().calibration[:31])
    with pytest.raises(SpecError, match=r"measured on clips. Received: none"):
        empty = Examples(CLIPS.features[:0], CLIPS.labels[:0])
        sensitivity(model, empty, tiny_data().calibration)
    broken = small()
    broken.get_layer("conv").kernel.assign(np.full((10, 4, 1, 8), np.nan))
    with pytest.raises(ModelError, match=r"finite number.*conv/kernel"):
        sensitivity(broken, CLIPS, tiny_data().calibration)
