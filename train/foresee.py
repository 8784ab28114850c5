"""Whether a network can run on the chip, found out before it is trained.

The untrained network is converted as the trained one will be. What the converter and the C target
demand of operators and shapes does not depend on what the weights learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.errors import UnsupportedModelError
from convert.export import MIN_CALIBRATION_CLIPS, to_tflite
from convert.passes import prepare
from convert.supported import check, check_kinds
from convert.tflite_reader import read
from train.keras import load
from train.quantization import recurrent
from train.quantization.base import Scheme
from train.quantization.tfmot_int8 import quantization_aware


def check_scheme(model: Any, scheme: Scheme) -> None:
    """Refuse a network that a scheme could make nothing of; as `check_untrained`.

    A scheme whose options name layers looks at them itself, in a method `check_model(model)`.

    Args:
        model: an untrained tf_keras model, to be thrown away.
        scheme: with its options.

    Raises:
        UserError: naming the operator, the layer or the option, and a way out.
    """
    recurrent.check(model, scheme)
    inner = getattr(scheme, "student", scheme)
    for one in (scheme, inner) if inner is not scheme else (scheme,):
        own_check = getattr(one, "check_model", None)
        if own_check is not None:
            own_check(model)
    if "c" in scheme.runs_on:
        check_untrained(model, aware=not inner.scheme.startswith("ptq_"))


def check_untrained(model: Any, *, aware: bool) -> None:
    """Refuse a network that could not be quantized and run as C after training.

    Takes about a second for a network of usual size.

    Args:
        model: a tf_keras model that `train.models.check_model` accepts, to be thrown away: weights
            that begin as zeros are filled.
        aware: whether quantization-aware training is to follow.

    Raises:
        ModelError: the converter refuses it.
        UnsupportedModelError: naming the operator or the layer, its place and a way out.
    """
    _check_layers(model)
    _fill_zeros(model)
    if recurrent.needs_writer(model):  # what is written then is what the chip runs
        quantization_aware(model)
        return
    # Float first: some operators that have no int8 form end the whole process in the converter.
    check_kinds(prepare(read(to_tflite(model, "float32"))))
    rng = np.random.default_rng(0)
    shape = (MIN_CALIBRATION_CLIPS, *(int(side) for side in model.input_shape[1:3]))
    clips = rng.integers(-128, 128, shape).astype(np.int8)
    check(read(to_tflite(model, "int8", representative=clips)))
    if aware:
        quantization_aware(model)


def _check_layers(model: Any) -> None:
    """Recurrent layers become loops and variables, of which the reader sees no layer names."""
    layers = load().keras.layers
    for layer in model.layers:
        inner = getattr(layer, "layer", layer)  # of a wrapper as TimeDistributed
        if isinstance(inner, layers.RNN) and type(inner).__name__ != "LSTM":
            raise UnsupportedModelError(
                f"Layer {layer.name}: a model for the chip must have no recurrent layers but LSTM. "
                f"Received: {type(inner).__name__}. Use LSTM or convolutions over time instead."
            )


def _fill_zeros(model: Any) -> None:
    """Kernels of zeros (a common start of the last layer of a branch) have no scale."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        if len(weight.shape) >= 2 and not np.any(weight.numpy()):
            weight.assign(rng.normal(0, 0.05, weight.shape))
