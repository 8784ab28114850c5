"""tfmot's 8-bit scheme with its traps removed.

- `Conv, ReLU`, `DepthwiseConv, ReLU` and `Dense, ReLU` as separate layers without BatchNorm get a
  no-op configuration from tfmot (its transform means only to keep fake quantization from between
  the two), so their weights are silently left float in training. Here they keep their weight
  quantizer.
- Afterwards every kernel of the model is looked at; one that has no quantizer is refused by name.
- Names do not depend on how many models the process has quantized before.
"""

from __future__ import annotations

import contextlib
import warnings
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from convert.errors import UnsupportedModelError
from convert.quiet import quiet_stderr
from train.keras import fresh_names, load


@lru_cache(maxsize=1)
def tools() -> Any:
    """The inner modules of tfmot, imported on first use, and our scheme built on them.

    Returns:
        A namespace: `quantize` (module), `Scheme`, `Wrapper`, `QuantizeLayer`, `Quantizer`
        (classes).
    """
    _ = load().tfmot
    from tensorflow_model_optimization.python.core.quantization.keras import (
        quantize,
        quantize_layer,
        quantize_wrapper,
        quantizers,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs,
        default_8bit_quantize_registry,
        default_8bit_quantize_scheme,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_transforms as steps,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.graph_transformations import (
        model_transformer,
    )

    no_op = default_8bit_quantize_configs.NoOpQuantizeConfig
    per_channel = default_8bit_quantize_registry.Default8BitConvQuantizeConfig
    per_tensor = default_8bit_quantize_registry.Default8BitQuantizeConfig

    class _KeepWeights:
        """Mixed into tfmot's two transforms of a layer that stands before a separate ReLU."""

        def replacement(self, match_layer: Any) -> Any:
            before = match_layer.input_layers[0]
            configs = {
                "Conv2D": lambda: per_channel(["kernel"], [], False),
                "DepthwiseConv2D": lambda: per_channel(["depthwise_kernel"], [], False),
                "Dense": lambda: per_tensor(["kernel"], [], False),
            }
            before.metadata["quantize_config"] = configs.get(before.layer["class_name"], no_op)()
            return match_layer

        def custom_objects(self) -> dict[str, Any]:
            return {c.__name__: c for c in (no_op, per_channel, per_tensor)}

    class LayerReLU(_KeepWeights, steps.LayerReLUQuantize):
        pass

    class LayerReluActivation(_KeepWeights, steps.LayerReluActivationQuantize):
        pass

    class Layout:
        """tfmot's default order of transforms, the two faulty ones exchanged."""

        def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> Any:
            order = [
                steps.InputLayerQuantize(),
                steps.SeparableConv1DQuantize(),
                steps.SeparableConvQuantize(),
                steps.Conv2DReshapeBatchNormReLUQuantize(),
                steps.Conv2DReshapeBatchNormActivationQuantize(),
                steps.Conv2DBatchNormReLUQuantize(),
                steps.Conv2DBatchNormActivationQuantize(),
                steps.Conv2DReshapeBatchNormQuantize(),
                steps.Conv2DBatchNormQuantize(),
                steps.ConcatTransform6Inputs(),
                steps.ConcatTransform5Inputs(),
                steps.ConcatTransform4Inputs(),
                steps.ConcatTransform3Inputs(),
                steps.ConcatTransform(),
                steps.DenseBatchNormReLUQuantize(),
                steps.DenseBatchNormActivationQuantize(),
                steps.DenseBatchNormQuantize(),
                LayerReLU(),
                LayerReluActivation(),
            ]
            return model_transformer.ModelTransformer(
                model, order, set(layer_quantize_map), layer_quantize_map
            ).transform()

    class Scheme(default_8bit_quantize_scheme.Default8BitQuantizeScheme):
        def get_layout_transformer(self) -> Any:
            return Layout()

    return SimpleNamespace(
        quantize=quantize,
        Scheme=Scheme,
        Wrapper=quantize_wrapper.QuantizeWrapper,
        QuantizeLayer=quantize_layer.QuantizeLayer,
        Quantizer=quantizers.Quantizer,
    )


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
