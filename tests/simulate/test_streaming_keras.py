"""A streaming Keras network with resource variables, as the converter writes it, on every back end.

Its layers keep the frames that their convolution reaches back to, in a variable; what they do not
keep is computed once per frame. Wake-word projects build their models so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.supported import check
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.keras_models import converted
from train.keras import load

BANDS, STEPS = 8, 12


def _network() -> Any:
    """Two streaming convolutions over time, one of them depthwise, and a sigmoid."""
    stack = load()
    tf, keras = stack.tf, stack.keras

    class Stream(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """The last `frames` frames and the new one; the last ones are kept."""

        def __init__(self, frames: int) -> None:
            super().__init__()
            self.frames = frames

        def build(self, shape: Any) -> None:
            kept = (1, self.frames, *shape[2:])
            self.states = self.add_weight(
                name="states", shape=kept, trainable=False, initializer="zeros"
            )

        def call(self, x: Any) -> Any:
            joined = tf.concat([self.states, x], 1)
            self.states.assign(joined[:, -self.frames :])
            return joined

    layers = keras.layers
    inputs = keras.Input((1, 1, BANDS), batch_size=1)
    x = Stream(4)(inputs)
    x = layers.Conv2D(12, (5, 1), activation="relu")(x)
    x = Stream(6)(x)
    left, right = tf.split(x, 2, -1)
    left = layers.DepthwiseConv2D((7, 1))(left)
    right = layers.DepthwiseConv2D((3, 1))(right[:, -3:])
    x = layers.concatenate([left, right])
    x = layers.Conv2D(6, 1, activation="relu")(x)
    outputs = layers.Dense(1, activation="sigmoid")(layers.Flatten()(x))
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="module")
def streaming() -> bytes:
    load().tf.keras.utils.set_random_seed(3)
    return converted(_network(), variables=True)


def test_streaming_network_is_exact_everywhere(streaming: bytes, tmp_path: Path) -> None:
    graph = read(streaming)
    kinds = [op.kind for op in graph.ops]
    assert kinds.count("ASSIGN_VARIABLE") == 2 and "CALL_ONCE" in kinds
    assert {"SPLIT", "STRIDED_SLICE", "CONCATENATION"} <= set(kinds)
    check(graph)
    inputs = np.random.default_rng(0).integers(-128, 128, (3, STEPS, 1, 1, BANDS)).astype(np.int8)
    generated = emit_model(graph, steps=STEPS)
    image = build_bare(
        generated.files, load_board("mps2-an386"), out_dir=tmp_path, kernels=generated.kernels
    )
    expected = TflmBackend(streaming).run(inputs)
    assert len(np.unique(expected[graph.outputs[0]])) > 3  # it says something
    for backend in (
        ReferenceBackend(graph),
        HostBackend(generated),
        CortexMBackend(image, generated),
    ):
        found = compare(expected, backend.run(inputs), graph, ("tflm", backend.name))
        assert found.equal and found.tensors >= len(kinds) - 6, str(found)


def test_variables_take_no_memory_twice(streaming: bytes) -> None:
    generated = emit_model(read(streaming), steps=STEPS)
    kept = sum(state.nbytes for state in generated.states)
    assert kept == 4 * BANDS + 6 * 12
    text = generated.files["model.c"]
    copies = [part.split("{")[1] for part in text.split("_variable(void);")[1:]]
    assert [body.split("}")[0].strip() for body in copies] == ["WS_NOTHING();"] * 4
