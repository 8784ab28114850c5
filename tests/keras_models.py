"""Keras networks of published shapes, small, and the converter's int8 files of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.quiet import quiet_stderr
from train.keras import load


def converted(network: Any, *, variables: bool = False) -> bytes:
    """int8 in, out and between, calibrated with noise; `variables` for networks that have some."""
    tf = load().tf
    shape = (64, *(1 if n is None else n for n in network.input_shape))
    samples = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for sample in samples:
            yield [sample]

    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        if variables:
            converter.experimental_enable_resource_variables = True
            converter._experimental_variable_quantization = True
        return bytes(converter.convert())


def _normal(x: Any, activation: str = "relu") -> Any:
    layers = load().keras.layers
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def _classified(inputs: Any, x: Any) -> Any:
    keras = load().keras
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))


def mobilenet_v1() -> Any:
    """Depthwise-separable convolutions, with ReLU6."""
    keras = load().keras
    layers = keras.layers
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = _normal(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs), "relu6")
    for filters, stride in ((16, 1), (24, 2), (24, 1), (32, 2)):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = _normal(layers.Conv2D(filters, 1, use_bias=False)(_normal(x, "relu6")), "relu6")
    return _classified(inputs, x)


def mobilenet_v2() -> Any:
    """Inverted residuals: wide depthwise layers between narrow ends, padded by hand at stride 2."""
    keras = load().keras
    layers = keras.layers
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = _normal(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs), "relu6")
    for filters, stride in ((8, 1), (12, 2), (12, 1), (16, 2)):
        start = x
        x = _normal(layers.Conv2D(6 * x.shape[-1], 1, use_bias=False)(x), "relu6")
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        padding = "valid" if stride == 2 else "same"
        x = layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False)(x)
        x = _normal(layers.Conv2D(filters, 1, use_bias=False)(_normal(x, "relu6")), "")
        if start.shape == x.shape:
            x = layers.Add()([start, x])
    return _classified(inputs, x)


def resnet_8() -> Any:
    """Three residual stacks of two convolutions."""
    keras = load().keras
    layers = keras.layers
    inputs = keras.Input((32, 32, 3), batch_size=1)
    x = _normal(layers.Conv2D(8, 3, padding="same")(inputs))
    for filters, stride in ((8, 1), (16, 2), (32, 2)):
        y = _normal(layers.Conv2D(filters, 3, strides=stride, padding="same")(x))
        y = _normal(layers.Conv2D(filters, 3, padding="same")(y), "")
        if stride > 1:
            x = layers.Conv2D(filters, 1, strides=stride, padding="same")(x)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    return _classified(inputs, x)


def tc_resnet() -> Any:
    """Convolutions over time with bands as channels, and shortcuts of 1x1."""
    keras = load().keras
    layers = keras.layers
    inputs = keras.Input((49, 10), batch_size=1)
    x = layers.Reshape((49, 1, 10))(inputs)
    x = layers.Conv2D(16, (3, 1), padding="same", use_bias=False)(x)
    for filters in (24, 32):
        y = _normal(layers.Conv2D(filters, (9, 1), strides=(2, 1), padding="same")(x))
        y = _normal(layers.Conv2D(filters, (9, 1), padding="same")(y), "")
        x = _normal(layers.Conv2D(filters, 1, strides=(2, 1), padding="same")(x))
        x = layers.Activation("relu")(layers.Add()([x, y]))
    return _classified(inputs, x)


def gated() -> Any:
    """Gates (squeeze and excitation, tanh times sigmoid), hard swish, a permutation, parts."""
    stack = load()
    tf, keras, layers = stack.tf, stack.keras, stack.keras.layers
    inputs = keras.Input((16, 12, 4), batch_size=1)
    x = layers.Conv2D(8, 3, padding="same")(layers.Permute((2, 1, 3))(inputs))
    x = x * tf.nn.relu6(x + 3.0) * (1 / 6)
    squeezed = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 8))(squeezed)])
    left, right = tf.split(layers.Conv2D(16, 1)(x), 2, -1)
    x = layers.Multiply()([tf.tanh(left), tf.sigmoid(right)])
    x = layers.LeakyReLU(0.1)(layers.Subtract()([layers.Conv2D(8, 1)(x), x]))
    x = tf.maximum(x[:, ::2], x[:, 1::2])
    x = tf.stack([tf.reduce_max(x, 1), tf.reduce_mean(x, 1)], 1)
    return _classified(inputs, x)


NETWORKS: dict[str, Callable[[], Any]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "resnet_8": resnet_8,
    "tc_resnet": tc_resnet,
    "gated": gated,
}
