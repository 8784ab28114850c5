"""From a Keras model whose weights lie on a 4-bit grid to INT4: the grid comes back, and runs."""

from __future__ import annotations

import numpy as np

from convert.emit_aot import emit_model
from convert.export import real_features, to_tflite
from convert.repack import to_int4
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.tiny import CLASSES, SHAPE, examples
from train.keras import load, start


def test_grid_set_by_hand() -> None:
    start(3)
    keras = load().keras
    x = inputs = keras.layers.Input((*SHAPE, 1))
    layers = [
        keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
        keras.layers.DepthwiseConv2D(3, padding="same", activation="relu"),
        keras.layers.Conv2D(7, 1, activation="relu"),
    ]
    for layer in (*layers, keras.layers.Flatten(), keras.layers.Dense(CLASSES)):
        x = layer(x)
    model = keras.Model(inputs, keras.layers.Softmax()(x))
    rng = np.random.default_rng(4)
    set_by_hand = []
    for layer in layers:
        kernel, bias = layer.get_weights()
        channel = 2 if "depthwise" in layer.name else 3
        levels = rng.integers(-7, 8, kernel.shape)
        most = np.array([7, 6, 5, 7, 3, 7, 7])[: kernel.shape[channel]]
        along = [1] * 4
        along[channel] = -1
        levels = np.clip(levels, -most.reshape(along), most.reshape(along))
        first = tuple(slice(None) if i == channel else 0 for i in range(4))
        levels[first] = most
        step = rng.uniform(0.01, 0.08, len(most)).astype(np.float32)
        layer.set_weights(
            [(levels * step.reshape(along)).astype(np.float32), rng.normal(0, 0.1, bias.shape)]
        )
        set_by_hand.append((np.moveaxis(levels, channel, 0), step))
    clips = examples(64).features
    int8 = to_tflite(model, "int8", representative=clips)
    graph = read(int8)
    convolutions = [op for op in graph.ops if "CONV" in op.kind]
    int4 = to_int4(int8, [op.inputs[1] for op in convolutions])
    made = read(int4)
    for op, (levels, step) in zip(convolutions, set_by_hand, strict=True):
        tensor = made.tensors[op.inputs[1]]
        assert tensor.dtype == "int4" and tensor.data is not None and tensor.quant is not None
        axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
        found = np.moveaxis(tensor.data, axis, 0).astype(np.float64)
        found *= np.array(tensor.quant.scale).reshape(-1, 1, 1, 1)
        wanted = (levels * step.reshape(-1, 1, 1, 1)).astype(np.float64)
        # two roundings to float32 lie between the scale and the step
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=3e-7, atol=0)
    trace = ReferenceBackend(made).run(clips[..., None])
    for other in (TflmBackend(int4), HostBackend(emit_model(made))):
        same = compare(trace, other.run(clips[..., None]), made, ("reference", other.name))
        assert same.equal, str(same)
    # INT4 holds the grid itself, int8 its nearest integers: it is at least as near to Keras
    wanted = model.predict(real_features(clips), verbose=0)
    off = [
        np.abs(t[made.outputs[0]].reshape(wanted.shape) / 256 + 0.5 - wanted).mean()
        for t in (trace, ReferenceBackend(graph).run(clips[..., None]))
    ]
    assert off[0] <= off[1] + 1 / 256
