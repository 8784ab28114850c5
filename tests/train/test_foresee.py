"""A network that cannot run on the chip is refused before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convert.errors import ModelError, UnsupportedModelError
from convert.export import to_tflite
from convert.supported import check_quantized
from convert.tflite_reader import read
from train.foresee import check_untrained
from train.keras import load, start


def network(middle: Callable[[Any, Any], Any], last: str = "glorot_uniform") -> Any:
    layers = start(0).keras.layers
    inputs = layers.Input((12, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = middle(layers, x)
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(3, activation="softmax", kernel_initializer=last)(x)
    return load().keras.Model(inputs, outputs)


def test_sound_networks_pass() -> None:
    check_untrained(network(lambda L, x: L.Add()([x, L.Conv2D(4, 1)(x)]), "zeros"), aware=True)


@pytest.mark.parametrize(
    ("middle", "says"),
    [
        (lambda L, x: L.Lambda(load().tf.math.sin)(x), r'\(SIN, output ".*Received: SIN'),
        (lambda L, x: load().tf.math.sin(x), r'\(SIN, output ".*Received: SIN'),
        (lambda L, x: L.Lambda(lambda v: 2 / v)(x), r'\(DIV, output ".*fold scaling'),
        (lambda L, x: L.Activation("gelu")(x), "Received: GELU.*Use ReLU"),
        (lambda L, x: L.GRU(4)(L.Reshape((12, 32))(x)), "Layer gru: .*Received: GRU"),
        (
            lambda L, x: L.Bidirectional(L.GRU(4))(L.Reshape((12, 32))(x)),
            "Layer bidirectional: .*Received: GRU",
        ),
    ],
)
def test_the_operator_is_named(middle: Callable[[Any, Any], Any], says: str) -> None:
    with pytest.raises(UnsupportedModelError, match=says):
        check_untrained(network(middle), aware=False)


def test_what_the_converter_does_not_know() -> None:
    with pytest.raises(ModelError, match="Received: "):
        check_untrained(network(lambda L, x: load().tf.math.lgamma(x + 1.0)), aware=False)


def test_layers_that_tfmot_does_not_know() -> None:
    """They pass where no quantization-aware training follows."""

    def middle(layers: Any, x: Any) -> Any:
        return layers.Lambda(lambda v: v + 1.0)(x)

    check_untrained(network(middle), aware=False)
    with pytest.raises(UnsupportedModelError, match="scheme ptq_int8"):
        check_untrained(network(middle), aware=True)


def test_operators_that_stay_float_are_named() -> None:
    graph = read(to_tflite(network(lambda L, x: x), "float32"))
    with pytest.raises(UnsupportedModelError, match=r"CONV_2D in float32 and, further on, FULLY_"):
        check_quantized(graph)
