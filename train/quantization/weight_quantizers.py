"""The quantizers of `train.quantization.quantizers` as tfmot `Quantizer`s for weights.

They keep no range: the scale is a function of the weights, computed with them in every step, so it
follows them and holds still when they do.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from convert.errors import SpecError
from train.keras import load
from train.quantization.quantizers import (
    LINEAR_BITS,
    LOG_BITS,
    Clip,
    Small,
    check_alpha,
    check_bits,
    log_codes,
    other_axes,
)
from train.quantization.tf_quantizers import (
    largest_level_tf,
    levels_tf,
    linear_scale_tf,
    linear_tf,
    log_scale_tf,
    logarithmic_tf,
)
from train.quantization.tfmot_tools import tools


@lru_cache(maxsize=1)
def weight_quantizers() -> Any:
    """The classes, made on first use because their base class needs TensorFlow.

    Returns:
        A namespace: `LinearWeights`, `LogWeights`, and `custom_objects`, name -> class, for
        `tf_keras.utils.custom_object_scope` when a model that holds them is loaded.
    """
    load()
    base = tools().Quantizer

    class Configured(base):  # type: ignore[misc,valid-type]
        """Equal when the options are: tfmot compares quantizers."""

        def __eq__(self, other: object) -> bool:
            return type(self) is type(other) and vars(self) == vars(other)

        def __hash__(self) -> int:
            return hash(tuple(vars(self).values()))

    class LinearWeights(Configured):
        """Symmetric linear: 2^bits - 1 levels.

        Args:
            bits: 2 to 16.
            axis: dimensions with a scale of their own, see `quantizers`.
            by: "max" or "mse", see `quantizers.linear_scale`.
        """

        def __init__(self, bits: int, axis: Any = (), by: Clip = "max") -> None:
            check_bits(bits, LINEAR_BITS)
            if by not in ("max", "mse"):
                raise SpecError(f"by must be max or mse. Received: {by}.")
            self.bits, self.axis, self.by = bits, _axis(axis), by

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            other_axes(len(tensor_shape), self.axis)
            return {}

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            x = load().tf.convert_to_tensor(inputs)
            scale = linear_scale_tf(x, self.bits, self.axis, by=self.by)
            return linear_tf(x, scale, self.bits)

        def get_config(self) -> dict[str, Any]:
            return {"bits": self.bits, "axis": self.axis, "by": self.by}

    class LogWeights(Configured):
        """Logarithmic: 2^bits - 1 levels, the largest magnitude of each channel on the largest.

        Args:
            bits: 2 to 8.
            alpha: above 0; the ratio of neighbouring levels is 1 + alpha.
            axis: dimensions with a scale of their own, see `quantizers`.
            small: "zero" or "smallest", see `quantizers.logarithmic`.
            codes: levels are the int8 numbers of `quantizers.log_codes`, which is what a chip will
                compute with; else the powers themselves.
        """

        def __init__(
            self,
            bits: int,
            alpha: float,
            axis: Any = (),
            small: Small = "zero",
            codes: bool = False,
        ) -> None:
            check_bits(bits, LOG_BITS)
            check_alpha(alpha)
            if small not in ("zero", "smallest"):
                raise SpecError(f"small must be zero or smallest. Received: {small}.")
            if codes:
                log_codes(bits, alpha)
            self.bits, self.alpha, self.axis = bits, alpha, _axis(axis)
            self.small, self.codes = small, codes

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            other_axes(len(tensor_shape), self.axis)
            return {}

        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
            x = load().tf.convert_to_tensor(inputs)
            if not self.codes:
                scale = log_scale_tf(x, self.bits, self.alpha, self.axis)
                return logarithmic_tf(x, scale, self.bits, self.alpha, small=self.small)
            magnitudes, bounds = log_codes(self.bits, self.alpha)
            scale = largest_level_tf(x, 127.0, other_axes(len(x.shape), self.axis))
            least = magnitudes[0] / 2 if self.small == "zero" else None
            return levels_tf(x, scale, magnitudes, bounds, least)

        def get_config(self) -> dict[str, Any]:
            return {
                "bits": self.bits,
                "alpha": self.alpha,
                "axis": self.axis,
                "small": self.small,
                "codes": self.codes,
            }

    return SimpleNamespace(
        LinearWeights=LinearWeights,
        LogWeights=LogWeights,
        custom_objects={c.__name__: c for c in (LinearWeights, LogWeights)},
    )


def _axis(axis: Any) -> tuple[int, ...]:
    """A tuple, also of what JSON made a list."""
    return (axis,) if isinstance(axis, int) else tuple(int(one) for one in axis)
