"""Every weight of every network of the zoo is really quantized in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convert.export import real_features
from train.keras import start
from train.models import ZOO, ModelSpec, build_model
from train.quantization.gates import Gates, install
from train.quantization.tfmot_int8 import float_kernels, quantization_aware

SHAPE = (49, 10)


@pytest.fixture(scope="module")
def features() -> Any:
    return np.random.default_rng(0).integers(-128, 128, (40, *SHAPE)).astype(np.int8)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_weight_is_quantized(name: str, features: Any) -> None:
    """A kernel that is pulled towards its own grid changes nothing at all.

    It would if it took a way around its quantizer, as with tfmot some silently do: the
    same pull changes the float model.
    """
    start(0)
    model = build_model(ModelSpec(name), SHAPE, 10)
    settle(model, features)
    gates = install(quantization_aware(model))
    assert float_kernels(gates.model) == []
    kernels = [w for w in model.trainable_weights if len(w.shape) >= 2]
    assert len([g for g in gates if g.kind == "weight"]) == len(kernels)
    gates.calibrate(features)
    assert not [g.name for g in gates if np.any(g.range[1] == 6)]  # tfmot's ranges before training
    clips = real_features(features[:3])
    quantized, exact = outputs(gates, clips)
    np.testing.assert_array_equal(exact, model(clips, training=False))
    for layer in gates.model.layers:
        for weight, gate, variables in getattr(layer, "_weight_vars", ()):
            before = weight.numpy()
            grid = np.asarray(gate.inner(weight, False, weights=variables))
            assert np.any(grid != before), gate.name
            # A quarter of the way keeps every value in its cell, and the greatest one in its place.
            weight.assign(before + 0.25 * (grid - before))
            pulled, moved = outputs(gates, clips)
            np.testing.assert_array_equal(pulled, quantized, gate.name)
            assert np.any(moved != exact), gate.name
            weight.assign(before)


def settle(model: Any, features: Any) -> None:
    """Give BatchNorm the statistics of the features, without which a new network tells nothing."""
    for layer in model.layers:
        if hasattr(layer, "moving_variance"):
            layer.momentum = 0.0
    model(real_features(features), training=True)


def outputs(gates: Gates, clips: Any) -> tuple[Any, Any]:
    """With all quantizers, and with none."""
    made = []
    for mode in ("train", "off"):
        gates.set_mode(mode)  # type: ignore[arg-type]
        made.append(np.asarray(gates.model(clips, training=False)))
    return made[0], made[1]
