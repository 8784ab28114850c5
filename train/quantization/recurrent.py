"""Recurrent layers in quantization: fake quantization inside them, and the way to a .tflite.

tfmot knows neither LSTM nor SVDF, and the converter writes no SVDF and no LSTM with learned
ranges. So `prepared` exchanges an LSTM of tf_keras for one whose steps are in the open and tells
tfmot what to quantize in both layers, and `to_file` reads the ranges from the gates and lets
`convert.recurrent_writer` write the file.

What is quantized, as the chip has it:

- LSTM: kernel and recurrent kernel, per gate, symmetric; the hidden state inside the recurrence,
  whose range stays as calibrated, because it is met once per frame and bounded by 1 anyway. Gates
  and cells have 16 bits on the chip and none here.
- SVDF: both kernels, per tensor, symmetric; what is remembered, symmetric; the output after its
  ReLU.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import UnsupportedModelError
from convert.export import check_int8, check_weights, real_features
from convert.recurrent_writer import Block, DenseBlock, LstmBlock, Precision, SvdfBlock, write
from convert.tflite_reader import read
from train.keras import load
from train.quantization.base import Engine, Scheme
from train.quantization.gates import Gates
from train.recurrent_layers import GATES, layers

_LEAST_PEAK = 1e-6
_KNOWN_BY = (
    *("float32", "float16", "dynamic_range"),
    *("ptq_int8", "qat_int8", "incremental_int8", "distilled_int8"),
)


def is_recurrent(model: Any) -> bool:
    """Whether a model has a layer that remembers."""
    kinds = (load().keras.layers.RNN, layers().Svdf, layers().GateLstm)
    return any(isinstance(getattr(x, "layer", x), kinds) for x in model.layers)


def needs_writer(model: Any) -> bool:
    """Whether the converter cannot write a float model as int8: it has SVDF layers."""
    return any(isinstance(layer, layers().Svdf) for layer in model.layers)


def runs_on(model: Any) -> tuple[Engine, ...]:
    """What runs the int8 file: LiteRT's SVDF knows states of int16 only and damages its memory."""
    return ("c", "tflm") if needs_writer(model) else ("c", "tflm", "litert")


def check(model: Any, scheme: Scheme) -> None:
    """Refuse a scheme, or the scheme of its student, that cannot do a recurrent model.

    Raises:
        UnsupportedModelError: naming the layer and the schemes that can.
    """
    for one in (scheme, getattr(scheme, "student", scheme)):
        if is_recurrent(model) and one.scheme not in _KNOWN_BY:
            refuse(model, f"scheme {one.scheme}")


def refuse(model: Any, what: str, instead: str = "scheme qat_int8 or ptq_int8") -> None:
    """For schemes that cannot quantize recurrent layers.

    Args:
        model: a float model.
        what: what cannot be had, e.g. "4-bit weights".
        instead: what to use.

    Raises:
        UnsupportedModelError: naming the layer and the schemes that can.
    """
    kinds = (load().keras.layers.RNN, layers().Svdf)
    for layer in model.layers:
        if isinstance(layer, kinds):
            raise UnsupportedModelError(
                f"{what[0].upper()}{what[1:]} must be given a model without recurrent layers. "
                f"Received: {layer.name} ({type(layer).__name__}). Use {instead}."
            )


@lru_cache(maxsize=1)
def _kit() -> Any:
    """Quantizers and configurations for tfmot, made on first use."""
    tf = load().tf
    from tensorflow_model_optimization.python.core.quantization.keras import (
        quantize_config,
        quantizers,
    )

    fake = tf.quantization.fake_quant_with_min_max_vars
    per_channel = tf.quantization.fake_quant_with_min_max_vars_per_channel

    class PerGate(quantizers.Quantizer):
        """8 bits, symmetric, one range for each of the four gates; as of the weights at hand."""

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            return {
                f"{side}_var": layer.add_weight(
                    f"{name}_{side}",
                    initializer=load().keras.initializers.Constant(value),
                    trainable=False,
                    shape=(GATES,),
                )
                for side, value in (("min", -6.0), ("max", 6.0))
            }

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            depth, units = int(inputs.shape[0]), int(inputs.shape[1]) // GATES
            by_gate = tf.transpose(tf.reshape(inputs, (depth, GATES, units)), (0, 2, 1))
            low, high = weights["min_var"], weights["max_var"]
            if training:
                peak = tf.maximum(tf.reduce_max(tf.abs(by_gate), axis=(0, 1)), _LEAST_PEAK)
                low, high = low.assign(-peak), high.assign(peak)
            rounded = per_channel(by_gate, low, high, num_bits=8, narrow_range=True)
            return tf.reshape(tf.transpose(rounded, (0, 2, 1)), inputs.shape)

        def get_config(self) -> dict[str, Any]:
            return {}

    class Held(quantizers.MovingAverageQuantizer):
        """8 bits with the range as it was set: it does not move in training."""

        def __init__(self, **_: Any) -> None:
            super().__init__(8, per_axis=False, symmetric=False, narrow_range=False)

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            return fake(inputs, weights["min_var"], weights["max_var"], num_bits=8)

    class Even(quantizers.MovingAverageQuantizer):
        """8 bits, as far below zero as above it; the range moves as tfmot's does."""

        def __init__(self, **_: Any) -> None:
            super().__init__(8, per_axis=False, symmetric=False, narrow_range=False)

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            super().__call__(inputs, training, weights, **kwargs)
            peak = tf.maximum(-weights["min_var"], weights["max_var"])
            return fake(inputs, -peak, peak, num_bits=8, narrow_range=True)

    class LstmConfig(quantize_config.QuantizeConfig):
        """What of a GateLstm is quantized."""

        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
            return [(layer.kernel, PerGate()), (layer.recurrent_kernel, PerGate())]

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
            return [(layer.hidden_activation, Held())]

        def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
            layer.kernel, layer.recurrent_kernel = quantize_weights

        def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
            layer.hidden_activation = quantize_activations[0]

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            return []

        def get_config(self) -> dict[str, Any]:
            return {}

    class SvdfConfig(quantize_config.QuantizeConfig):
        """What of an Svdf is quantized."""

        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
            return [
                (
                    w,
                    quantizers.LastValueQuantizer(
                        8, per_axis=False, symmetric=True, narrow_range=True
                    ),
                )
                for w in (layer.feature, layer.time)
            ]

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
            return [(layer.state_activation, Even())]

        def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
            layer.feature, layer.time = quantize_weights

        def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
            layer.state_activation = quantize_activations[0]

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            return [
                quantizers.MovingAverageQuantizer(
                    8, per_axis=False, symmetric=False, narrow_range=False
                )
            ]

        def get_config(self) -> dict[str, Any]:
            return {}

    return SimpleNamespace(
        LstmConfig=LstmConfig,
        SvdfConfig=SvdfConfig,
        custom={
            c.__name__: c
            for c in (PerGate, Held, Even, LstmConfig, SvdfConfig, *vars(layers()).values())
        },
    )


def scope() -> Any:
    """A context in which Keras knows the classes of this module."""
    return load().keras.utils.custom_object_scope(_kit().custom)


def prepared(model: Any, annotate: Any) -> Any:
    """A copy of a recurrent model in which tfmot is told what to do with its recurrent layers.

    Args:
        model: the float model; unchanged.
        annotate: tfmot's `quantize_annotate_layer`.

    Raises:
        UnsupportedModelError: a recurrent layer that is neither an SVDF nor a plain LSTM.
    """
    keras, kit = load().keras, _kit()
    copied: list[tuple[Any, Any]] = []

    def changed(layer: Any) -> Any:
        if isinstance(layer, layers().Svdf):
            made = layers().Svdf.from_config(layer.get_config())
            config = kit.SvdfConfig()
        elif isinstance(layer, keras.layers.RNN):
            _check_plain(layer)
            made = layers().GateLstm(layer.units, layer.return_sequences, name=layer.name)
            config = kit.LstmConfig()
        else:
            made, config = layer.__class__.from_config(layer.get_config()), None
        copied.append((layer, made))
        return made if config is None else annotate(made, config)

    twin = keras.models.clone_model(model, clone_function=changed)
    for layer, made in copied:
        made.set_weights(layer.get_weights())
    return twin


def _check_plain(layer: Any) -> None:
    plain = type(layer).__name__ == "LSTM" and not (
        layer.go_backwards
        or layer.stateful
        or layer.return_state
        or not layer.use_bias
        or layer.dropout
        or layer.recurrent_dropout
    )
    if plain:
        names = (layer.activation.__name__, layer.recurrent_activation.__name__)
        plain = names == ("tanh", "sigmoid")
    if not plain:
        raise UnsupportedModelError(
            "Quantization-aware training of recurrent layers must have a plain LSTM (tanh, "
            "sigmoid, with bias, forwards, without state or dropout of its own). Received: "
            f"{layer.name} ({type(layer).__name__}). Use LSTM(units), and Dropout after it."
        )


def to_file(
    aware: Any, gates: Gates, clips: NDArray[np.int8], precision: Precision = "int8"
) -> bytes:
    """The .tflite of a model that `quantization_aware` made, with the ranges of its gates.

    Args:
        aware: the model.
        gates: its gates, calibrated.
        clips: features, int8 (clips, frames, width), of which the largest cells are taken.
        precision: "int8", or "float32" for the same operators and weights.

    Raises:
        ModelError: the weights are not finite.
        UnsupportedModelError: a layer that the chain cannot hold.
    """
    check_weights(aware)
    ranges = {
        gate.name: (float(np.min(gate.range[0])), float(np.max(gate.range[1]))) for gate in gates
    }
    blocks: list[Block] = []
    for outer in aware.layers:
        layer = getattr(outer, "layer", outer)
        if hasattr(outer, "_weight_vars"):
            # The wrapper has put fake-quantized values where the variables were.
            variables = [weight for weight, _, _ in outer._weight_vars]
            outer.quantize_config.set_quantize_weights(layer, variables)
        if isinstance(layer, layers().Svdf):
            low, high = ranges[f"{outer.name}/after"]
            blocks.append(
                SvdfBlock(
                    layer.name,
                    feature=layer.feature.numpy(),
                    time=layer.time.numpy(),
                    bias=layer.bias.numpy(),
                    rank=layer.rank,
                    state_peak=max(-low, high),
                    output=ranges[outer.name],
                )
            )
        elif isinstance(layer, layers().GateLstm):
            blocks.append(
                LstmBlock(
                    layer.name,
                    kernel=layer.kernel.numpy(),
                    recurrent=layer.recurrent_kernel.numpy(),
                    bias=layer.bias.numpy(),
                    hidden=ranges[f"{outer.name}/after"],
                    cell_peak=_largest_cell(aware, outer, clips),
                    sequences=layer.return_sequences,
                )
            )
        elif isinstance(layer, load().keras.layers.Dense):
            activation = _activation(layer)
            side = "before" if activation == "softmax" else "after"
            blocks.append(
                DenseBlock(
                    layer.name,
                    layer.kernel.numpy(),
                    layer.bias.numpy(),
                    activation=activation,
                    output=ranges[f"{outer.name}/{side}"],
                )
            )
        elif not _passes_through(layer):
            raise UnsupportedModelError(
                "A model with recurrent layers must be a chain of Reshape, LSTM or Svdf, Dropout "
                f"and Dense layers. Received: {layer.name} ({type(layer).__name__}). Leave it out, "
                "or use scheme ptq_int8 with LSTM layers."
            )
    frames, width = (int(side) for side in aware.input_shape[1:3])
    data = write(blocks, (frames, width), precision)
    if precision == "int8":
        check_int8(read(data))
    return data


def _activation(layer: Any) -> Any:
    """linear, relu or softmax, whatever tfmot has put around it."""
    inside = getattr(layer.activation, "activation", layer.activation)
    name = getattr(inside, "__name__", type(inside).__name__)
    if name not in ("linear", "relu", "softmax"):
        raise UnsupportedModelError(
            "A dense layer of a recurrent model must have no activation, relu or softmax. "
            f"Received: {layer.name}, {name}."
        )
    return name


def _passes_through(layer: Any) -> bool:
    """Layers that change no values on the chip."""
    names = ("InputLayer", "QuantizeLayer", "Dropout", "Reshape", "Flatten")
    return type(layer).__name__ in names


def _largest_cell(aware: Any, outer: Any, clips: NDArray[np.int8]) -> float:
    """The largest absolute cell that the layer reaches over the clips."""
    before = load().keras.Model(aware.input, outer.input)
    outer.layer.hidden_activation.training = False
    peak = 0.0
    for start in range(0, len(clips), 64):
        inputs = before(real_features(clips[start : start + 64]), training=False)
        _, cells = outer.layer.run(inputs)
        peak = max(peak, *(float(np.abs(cell.numpy()).max()) for cell in cells))
    return peak
