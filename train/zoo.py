"""The networks that come with wakesmith: int8-friendly, BatchNorm folded away by the converter.

Each function takes the input shape (frames, width), the number of classes and the options that
`train.models.ModelSpec` checked, and returns a functional tf_keras model (frames, width, 1) ->
softmax. Every ReLU follows a BatchNorm or is the layer's own activation, so that tfmot quantizes
every weight.
"""

from __future__ import annotations

from typing import Any

from train.keras import load
from train.recurrent_layers import layers


def cnn_digits(
    shape: tuple[int, int], classes: int, *, width: int, dense: int, dropout: float
) -> Any:
    """Conv2D `width` 3×3 ReLU, max-pool 2, dense `dense` ReLU, dense softmax."""
    L = load().keras.layers
    inputs = x = L.Input((*shape, 1), name="features")
    x = L.Conv2D(width, 3, activation="relu", name="conv")(x)
    x = L.MaxPooling2D(2, name="pool")(x)
    x = L.Flatten(name="flatten")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    x = L.Dense(dense, activation="relu", name="dense")(x)
    x = L.Dropout(dropout, name="dropout_dense")(x)
    x = L.Dense(classes, activation="softmax", name="words")(x)
    return load().keras.Model(inputs, x, name="cnn_digits")


def ds_cnn(shape: tuple[int, int], classes: int, *, width: int, blocks: int, dropout: float) -> Any:
    """Conv2D `width` 10×4 stride 2, `blocks` depthwise-separable 3×3 blocks, average pool, dense.

    After "Hello Edge: Keyword Spotting on Microcontrollers" (Zhang et al. 2017), DS-CNN-S.
    """
    L = load().keras.layers
    inputs = x = L.Input((*shape, 1), name="features")
    x = L.Conv2D(width, (10, 4), strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _norm_relu(x, "conv")
    for block in range(1, blocks + 1):
        x = L.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise_{block}")(x)
        x = _norm_relu(x, f"depthwise_{block}")
        x = L.Conv2D(width, 1, use_bias=False, name=f"pointwise_{block}")(x)
        x = _norm_relu(x, f"pointwise_{block}")
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    x = L.Dense(classes, activation="softmax", name="words")(x)
    return load().keras.Model(inputs, x, name="ds_cnn")


def res_sep(
    shape: tuple[int, int],
    classes: int,
    *,
    width: int,
    blocks: int,
    kernel: int,
    dropout: float,
) -> Any:
    """Residual depthwise-separable convolutions over time; the bands are the channels.

    A convolution of 3 frames, then `blocks` blocks of depthwise `kernel` and pointwise convolution
    with a shortcut; blocks 2, 4, … halve the time axis (their shortcut is a 1×1 convolution).
    """
    L = load().keras.layers
    frames, bands = shape
    inputs = L.Input((frames, bands, 1), name="features")
    x = L.Reshape((frames, 1, bands), name="bands_as_channels")(inputs)
    x = L.Conv2D(width, (3, 1), padding="same", use_bias=False, name="conv")(x)
    x = _norm_relu(x, "conv")
    for block in range(1, blocks + 1):
        stride = 2 if block % 2 == 0 else 1
        shortcut = x
        x = L.DepthwiseConv2D(
            (kernel, 1), strides=stride, padding="same", use_bias=False, name=f"depthwise_{block}"
        )(x)
        x = _norm_relu(x, f"depthwise_{block}")
        x = L.Conv2D(width, 1, use_bias=False, name=f"pointwise_{block}")(x)
        x = L.BatchNormalization(name=f"pointwise_{block}_norm")(x)
        if stride == 2:
            shortcut = L.Conv2D(width, 1, strides=stride, use_bias=False, name=f"shortcut_{block}")(
                shortcut
            )
            shortcut = L.BatchNormalization(name=f"shortcut_{block}_norm")(shortcut)
        x = L.Add(name=f"add_{block}")([shortcut, x])
        x = L.ReLU(name=f"add_{block}_relu")(x)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    x = L.Dense(classes, activation="softmax", name="words")(x)
    return load().keras.Model(inputs, x, name="res_sep")


def lstm(shape: tuple[int, int], classes: int, *, width: int, dropout: float) -> Any:
    """An LSTM of `width` units over the frames, dense softmax on its last output."""
    L = load().keras.layers
    inputs = L.Input((*shape, 1), name="features")
    x = L.Reshape(shape, name="frames")(inputs)
    x = L.LSTM(width, name="lstm")(x)
    x = L.Dropout(dropout, name="dropout")(x)
    x = L.Dense(classes, activation="softmax", name="words")(x)
    return load().keras.Model(inputs, x, name="lstm")


def svdf(
    shape: tuple[int, int],
    classes: int,
    *,
    width: int,
    blocks: int,
    rank: int,
    memory: int,
    dropout: float,
) -> Any:
    """`blocks` SVDF layers of `width` units, dense softmax on the last frame's output.

    On the chip a frame at a time: the state is what was heard before.
    """
    L = load().keras.layers
    inputs = L.Input((*shape, 1), name="features")
    x = L.Reshape(shape, name="frames")(inputs)
    for block in range(1, blocks + 1):
        x = layers().Svdf(
            width, rank, memory, return_sequences=block < blocks, name=f"svdf_{block}"
        )(x)
        x = L.Dropout(dropout, name=f"dropout_{block}")(x)
    x = L.Dense(classes, activation="softmax", name="words")(x)
    return load().keras.Model(inputs, x, name="svdf")


def _norm_relu(x: Any, name: str) -> Any:
    L = load().keras.layers
    x = L.BatchNormalization(name=f"{name}_norm")(x)
    return L.ReLU(name=f"{name}_relu")(x)
