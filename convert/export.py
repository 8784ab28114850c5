"""Keras model in, .tflite out: the same bytes for the same weights, and checked.

The model is converted with a fixed batch of 1, so that Flatten and Reshape become one RESHAPE with
a constant shape. TensorFlow is imported inside the functions; whoever made the model has loaded
it.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert import tflite_reader
from convert.errors import ModelError, UnsupportedModelError, UserError
from convert.graph import Graph
from convert.int8_edges import with_int8_edges
from convert.quiet import quiet_stderr
from convert.supported import check_quantized

Precision = Literal["float32", "float16", "dynamic_range", "int8", "int16x8"]

INPUT_SCALE = 1.0 / 64.0
"""`FrontEnd.scale`: the real value of one step of an int8 feature."""
INPUT_RANGE = (-128 * INPUT_SCALE, 127 * INPUT_SCALE)
"""Real values of the int8 features -128 and 127; what the input's quantizer is set to."""
SOFTMAX_SCALE = 1.0 / 256.0
MIN_CALIBRATION_CLIPS = 32
_INT16X8 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def to_tflite(
    model: Any,
    precision: Precision,
    *,
    representative: NDArray[np.int8] | None = None,
    quantization_aware: bool = False,
    dense_per_tensor: bool = False,
) -> bytes:
    """Convert a Keras model.

    Args:
        model: functional or sequential tf_keras model, (batch, frames, width, 1) -> softmax.
        precision: "float32", "float16" (weights only), "dynamic_range" (int8 weights, float
            arithmetic), "int8" or "int16x8" (int16 activations, int8 weights).
        representative: features, int8 (clips, frames, width), from which the ranges of the
            activations are taken; for "int8" and "int16x8", needed unless `quantization_aware`.
        quantization_aware: the model carries its own ranges (fake-quantization operators).
        dense_per_tensor: one scale for each dense layer's weights instead of one per neuron, where
            the converter chooses it (weights that carry a range of their own keep it). Weights on
            a grid with one step must have it, and so must 4-bit ones in TFLite Micro.

    Returns:
        The file. For "int8" and "int16x8": int8 in with scale 1/64 and zero point 0, int8 softmax
        out, no float operator inside.

    Raises:
        ModelError: the weights are not finite, there are too few representative clips, or the
            result is not as it must be.
        UnsupportedModelError: int8 of a layer that `convert.recurrent_writer` writes.
        UserError: too little space for the converter's temporary files.
    """
    import tensorflow as tf

    check_weights(model)
    check_temporary_space(model)
    apart = [x for x in model.layers if getattr(getattr(x, "layer", x), "written_apart", False)]
    if precision == "int8" and apart:
        raise UnsupportedModelError(
            f"{apart[0].name} must be quantized by a scheme that knows recurrent layers. "
            "Received: a conversion to int8 by TensorFlow. Use scheme qat_int8 or ptq_int8."
        )
    shape = tuple(int(x) for x in model.input_shape[1:])
    whole = precision in ("int8", "int16x8")
    if whole and not quantization_aware:
        representative = _whole_range(representative, shape)

    call = tf.function(lambda features: model(features, training=False))
    # Only the variables: given the Keras model itself the converter saves and traces all of it,
    # which takes six times as long and gives the same bytes.
    owner = tf.Module()
    owner.variables_of_model = model.variables
    signature = tf.TensorSpec((1, *shape), tf.float32, name="features")
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = call.get_concrete_function(signature)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if whole:
            # int16 models have no int8 edges; `with_int8_edges` puts them on.
            edge, operators = tf.int8, tf.lite.OpsSet.TFLITE_BUILTINS_INT8
            if precision == "int16x8":
                edge = tf.int16
                operators = getattr(tf.lite.OpsSet, _INT16X8)
            converter.inference_input_type = edge
            converter.inference_output_type = edge
            # A private name, but there is no other; the version of TensorFlow is pinned.
            converter._experimental_disable_per_channel_quantization_for_dense_layers = (
                dense_per_tensor
            )
            if representative is not None:
                converter.target_spec.supported_ops = [operators]
                clips = representative

                def samples() -> Iterator[list[NDArray[np.float32]]]:
                    for clip in clips:
                        yield [real_features(clip).reshape(1, *shape)]

                converter.representative_dataset = samples
        try:
            data = bytes(converter.convert())
        except Exception as error:
            raise ModelError(
                f"The model must convert to a {precision} .tflite. Received: "
                f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
            ) from error
    if precision == "int16x8":
        check_quantized(tflite_reader.read(data))
        data = with_int8_edges(data, (INPUT_SCALE, 0), (SOFTMAX_SCALE, -128))
    if whole:
        check_int8(tflite_reader.read(data))
    return data


def real_features(features: NDArray[np.int8]) -> NDArray[np.float32]:
    """int8 (batch, frames, width) -> what the Keras model takes, float (…, width, 1)."""
    return (features.astype(np.float32) * np.float32(INPUT_SCALE))[..., np.newaxis]


def check_temporary_space(model: Any) -> None:
    """Refuse to convert where the converter could not write its temporary files.

    It would go on without them, silently, by another way that gives another file.

    Raises:
        UserError: too little space in the folder for temporary files.
    """
    folder = tempfile.gettempdir()
    needed = (16 << 20) + 8 * sum(int(np.prod(w.shape)) * 4 for w in model.weights)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"The folder for temporary files must have {needed >> 20} MB free to convert a model. "
            f"Received: {folder} with {free >> 20} MB. Free some space, or name another folder in "
            "TMPDIR."
        )


def check_weights(model: Any) -> None:
    """Refuse a model whose training has diverged.

    Raises:
        ModelError: naming the first weight that is not finite.
    """
    for weight in model.weights:
        values = weight.numpy()
        if np.issubdtype(values.dtype, np.floating) and not np.all(np.isfinite(values)):
            bad = int(np.size(values) - np.count_nonzero(np.isfinite(values)))
            raise ModelError(
                f"Every weight must be a finite number. Received: {bad} of {values.size} values of "
                f"{weight.name} are not. Training has diverged: lower the learning rate."
            )


def check_int8(graph: Graph) -> None:
    """Hold an int8 model to what firmware and training agree on.

    Raises:
        ModelError: a float tensor inside, more than one input or output, or an input or output
            whose scale is not the front-end's or the softmax's.
    """
    check_quantized(graph)
    floats = [t.name for t in graph.used if t.dtype == "float32"]
    if floats:
        raise ModelError(
            f"A full-int8 model must hold no float tensors. Received: {len(floats)}, the first is "
            f"{floats[0]}."
        )
    for what, indices, scale, zero_point in (
        ("input", graph.inputs, INPUT_SCALE, 0),
        ("output", graph.outputs, SOFTMAX_SCALE, -128),
    ):
        if len(indices) != 1:
            raise ModelError(f"The model must have one {what}. Received: {len(indices)}.")
        tensor = graph.tensors[indices[0]]
        quant = tensor.quant
        if tensor.dtype != "int8" or quant is None:
            raise ModelError(f"The {what} must be int8. Received: {tensor.dtype}.")
        if quant.scale != (scale,) or quant.zero_point != (zero_point,):
            raise ModelError(
                f"The {what}'s scale must be {scale} and its zero point {zero_point}. "
                f"Received: {quant.scale} and {quant.zero_point}."
            )


def _whole_range(
    representative: NDArray[np.int8] | None, shape: tuple[int, ...]
) -> NDArray[np.int8]:
    """Calibration clips that reach -128 and 127, so that the input's scale is 1/64 exactly.

    Where the clips do not reach an end, one value of one clip is set to it: its first value to
    -128, its last to 127. Log-mel clips with level normalisation reach both by themselves.
    """
    count = 0 if representative is None else len(representative)
    if representative is None or count < MIN_CALIBRATION_CLIPS:
        raise ModelError(
            f"Calibration must have at least {MIN_CALIBRATION_CLIPS} clips. Received: {count}."
        )
    if (
        representative.dtype != np.int8
        or representative.shape[1:] != shape[: representative.ndim - 1]
    ):
        raise ModelError(
            f"Calibration features must be int8 of shape (clips, {shape[0]}, {shape[1]}). "
            f"Received: {representative.dtype} {representative.shape}."
        )
    if np.ptp(representative.astype(np.int16)) == 0:
        raise ModelError(
            f"Calibration clips must differ from each other. Received: {count} clips of one value."
        )
    if representative.min() > -128 or representative.max() < 127:
        representative = representative.copy()
        flat = representative.reshape(count, -1)
        if representative.min() > -128:
            flat[0, 0] = -128
        if representative.max() < 127:
            flat[0, -1] = 127
    return representative
