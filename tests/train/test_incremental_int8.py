"""Incremental quantization: a finished block stands; blocks are as the user names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convert import tflite_reader
from convert.errors import ModelError, SpecError
from convert.export import to_tflite
from convert.graph import Graph
from tests.train.tiny import CLASSES, SHAPE, tiny_data
from train.evaluate import run_tflite
from train.fit import FitSpec, Step, fit
from train.keras import start
from train.models import ModelSpec, build_model
from train.quantization import IncrementalInt8, quantize
from train.quantization import incremental_int8 as module
from train.quantization.blocks import freeze, partition
from train.quantization.gates import install
from train.quantization.tfmot_int8 import quantization_aware

SMALL = {
    "cnn_digits": ModelSpec("cnn_digits", width=4, dense=8),
    "ds_cnn": ModelSpec("ds_cnn", width=8, blocks=1),
    "res_sep": ModelSpec("res_sep", width=8, blocks=2, kernel=3),
}
QUICK = IncrementalInt8(epochs=1, batch=32, learning_rate=3e-3)


def small(name: str) -> Any:
    start(0)
    return build_model(SMALL[name], SHAPE, CLASSES)


def weighted(graph: Graph) -> list[dict[str, Any]]:
    """What a finished layer leaves in the file: weights, bias, their scales, its input's scale."""
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    found = []
    for op in graph.ops:
        if op.kind in kinds:
            source, weights, bias = (graph.tensors[index] for index in op.inputs[:3])
            assert weights.data is not None and bias.data is not None
            found.append(
                {
                    "weights": weights.data.tobytes(),
                    "bias": bias.data.tobytes(),
                    "scales": (source.quant, weights.quant, bias.quant),
                }
            )
    return found


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_finished_block_stands_in_the_final_file(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file right after a block is frozen and the final one: the same bytes for that block."""
    data = tiny_data()
    model = small(name)
    fit(model, data.train, data.validation, FitSpec(epochs=3, batch=16, warmup_epochs=1))
    after: list[list[dict[str, Any]]] = []
    sizes: list[int] = []

    def frozen(aware: Any, names: Any) -> None:
        freeze(aware, names)
        sizes.append(sum(bool(aware.get_layer(n)._weight_vars) for n in names))
        # Blocks to come are still float; they get ranges from the clips, which finished ones keep.
        tflite = to_tflite(aware, "int8", representative=data.calibration)
        after.append(weighted(tflite_reader.read(tflite)))

    monkeypatch.setattr(module, "freeze", frozen)
    result = quantize(model, data, replace(QUICK, blocks=100), seed=1)
    final = weighted(tflite_reader.read(result.tflite))
    assert len(after) == len(sizes) == len(final) and set(sizes) == {1}
    # Finished layers stand as they will in the end, and the others have changed since. They are
    # counted, because two branches may stand in another order in the file than in the model.
    for number, made in enumerate(after, 1):
        same = [early == late for early, late in zip(made, final, strict=True)]
        assert sum(same) == number, same
    assert f"in {len(final)} blocks" in result.notes[0]


@pytest.mark.parametrize(
    "spec", [ModelSpec("lstm", width=6), ModelSpec("svdf", width=6, blocks=2, rank=2, memory=5)]
)
def test_recurrent_networks(spec: ModelSpec) -> None:
    """The generated C and TFLite Micro give the same probabilities."""
    start(0)
    data = tiny_data()
    result = quantize(build_model(spec, SHAPE, CLASSES), data, replace(QUICK, blocks=2))
    features = data.validation.features[:9]
    outputs = [run_tflite(result.tflite, features, engine=e) for e in ("host", "tflm")]
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_progress_and_history_count_all_blocks() -> None:
    seen: list[Step] = []
    result = quantize(small("ds_cnn"), tiny_data(), replace(QUICK, blocks=2), progress=seen.append)
    assert [step.phase for step in seen if step.step == 1] == ["block 1 of 2", "block 2 of 2"]
    assert [(s.epoch, s.epochs) for s in seen if s.step == 1] == [(0, 2), (1, 2)]
    assert result.history is not None
    assert len(result.history.epochs) == 2 and result.history.kept == 1


def test_layers_without_weights_go_with_those_they_compute_from() -> None:
    aware = quantization_aware(small("res_sep"))
    blocks = partition(aware, 3)
    of = {name: i for i, names in enumerate(blocks) for name in names}
    for name in ("pointwise_2", "shortcut_2"):
        assert of[f"quant_{name}"] == of[f"quant_{name}_norm"]
    for later, earlier in (("add_2", "pointwise_2_norm"), ("add_2_relu", "add_2")):
        assert of[f"quant_{later}"] >= of[f"quant_{earlier}"]
    everything = [layer.name for layer in aware.layers if layer.name.startswith("quant_")]
    assert sorted(of) == sorted(everything)


def test_given_blocks() -> None:
    aware = quantization_aware(small("ds_cnn"))
    blocks = partition(aware, 9, (("conv",), ("depthwise_*", "pointwise_1"), ("words",)))
    assert len(blocks[0]) == 3
    assert "quant_pointwise_1_relu" in blocks[1]
    assert blocks[2][-1] == "quant_words"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((("cnv",),), "Received: cnv. Did you mean conv"),
        ((("zzz",),), "Received: zzz. It has: conv, depthwise_1, pointwise_1, words"),
        ((("conv_norm",), ("words",)), "Received: conv_norm. Did you mean conv"),
        ((("conv", "*_1"), ("conv", "words")), "in one block only. Received: conv in blocks 1"),
        ((("conv",), ("words",)), "no block for depthwise_1, pointwise_1"),
        ((("words",), ("conv", "*_1")), "order of the network. Received: words in block 1"),
    ],
)
def test_wrong_blocks(layers: tuple[tuple[str, ...], ...], message: str) -> None:
    spec = IncrementalInt8(layers=layers)
    with pytest.raises(SpecError) as caught:
        spec.check_model(small("ds_cnn"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": 0}, "blocks must be from 1"),
        ({"layers": ((),)}, "at least one layer in each block"),
        ({"epochs": 0}, "epochs must be from 1"),
        ({"calibration_clips": 3}, "calibration_clips must be from 32"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        IncrementalInt8(**options)


def test_too_few_calibration_clips() -> None:
    data = tiny_data()
    few = replace(data, calibration=data.calibration[:31])
    with pytest.raises(ModelError, match="at least 32 clips"):
        quantize(small("ds_cnn"), few, QUICK)


def test_frozen_layers_do_not_move_in_training() -> None:
    """Weights, statistics of BatchNorm and ranges, through a step at an absurd rate."""
    data = tiny_data()
    aware = quantization_aware(small("ds_cnn"))
    gates = install(aware)
    gates.calibrate(data.calibration)
    names, rest = partition(aware, 2)
    gates.set_mode("frozen", layers=names)
    freeze(aware, names)
    # By name: Keras lists the weights of a layer in another order once a gate quantizes them.
    before, moving = values(aware, names), values(aware, rest)
    spec = FitSpec(epochs=1, batch=16, warmup_epochs=0, learning_rate=0.1)
    fit(aware, data.train, data.validation, spec, before_validation=gates.follow_weights)
    after, moved = values(aware, names), values(aware, rest)
    assert set(before) == set(after)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], name)
    assert all(not np.array_equal(moving[n], moved[n]) for n in moving if n.endswith("kernel:0"))


def values(aware: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Everything that some layers remember."""
    return {w.name: w.numpy() for name in names for w in aware.get_layer(name).weights}
