"""The inner modules of tfmot that our schemes build on, and two of its transforms mended.

`Conv, ReLU`, `DepthwiseConv, ReLU` and `Dense, ReLU` as separate layers without BatchNorm get a
no-op configuration from tfmot (its transform means only to keep fake quantization from between the
two), so their weights are silently left float in training. Here they keep their weight quantizer.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from train.keras import load


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
