"""tfmot's 8-bit scheme with its traps removed.

- Layers before a separate ReLU keep their weight quantizers (`train.quantization.tfmot_tools`).
- Afterwards every kernel of the model is looked at; one that has no quantizer is refused by name.
- Names do not depend on how many models the process has quantized before.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from convert.errors import UnsupportedModelError
from convert.quiet import quiet_stderr
from train.keras import fresh_names
from train.quantization.tfmot_tools import tools


def quantization_aware(model: Any) -> Any:
    """A copy of `model` with fake quantization of every weight and activation.

    Args:
        model: built functional or sequential tf_keras model; unchanged.

    Returns:
        A new model with the same weights.

    Raises:
        UnsupportedModelError: tfmot does not know a layer, or would leave a kernel float.
    """
    # Imported here, because that module builds on the gates and they on this one.
    from train.quantization import recurrent

    t = tools()
    fresh_names()
    remembers = recurrent.is_recurrent(model)
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with recurrent.scope() if remembers else contextlib.nullcontext():
                known = model
                if remembers:
                    known = recurrent.prepared(model, t.quantize.quantize_annotate_layer)
                annotated = t.quantize.quantize_annotate_model(known)
                quantized = t.quantize.quantize_apply(annotated, t.Scheme())
        except UnsupportedModelError:
            raise
        except Exception as error:  # tfmot runs layers of the user's again
            lines = str(error).strip().splitlines() or ["no message"]
            raise UnsupportedModelError(
                "Quantization-aware training must know every layer. Received: "
                f"{lines[0][:200].rstrip('.')}. Use scheme ptq_int8, or Conv2D, DepthwiseConv2D, "
                "Dense, BatchNormalization after them, ReLU, Add, pooling and reshaping layers "
                "only."
            ) from error
    missing = float_kernels(quantized)
    if missing:
        raise UnsupportedModelError(
            "Quantization-aware training must quantize every kernel. Received: no quantizer for "
            f"{', '.join(missing)}. Use activation='relu' in that layer, or scheme ptq_int8."
        )
    return quantized


def float_kernels(quantized: Any) -> list[str]:
    """Names of the weight matrices and filters that no quantizer sees (biases are int32 later)."""
    wrapper = tools().Wrapper
    missing = []
    for layer in quantized.layers:
        seen = set()
        if isinstance(layer, wrapper):
            seen = {id(weight) for weight, _, _ in layer._weight_vars}
            # A tensor of fake-quantized values may stand where the variable was: ask for variables.
        missing += [
            weight.name
            for weight in layer.trainable_weights
            if len(weight.shape) >= 2 and id(weight) not in seen
        ]
    return missing
