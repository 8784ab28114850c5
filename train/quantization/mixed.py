"""int8, int4 or log4 for each layer, chosen for a number of flash bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from convert.errors import SpecError
from convert.export import MIN_CALIBRATION_CLIPS
from train.features import Examples, TrainingData
from train.fit import Progress
from train.quantization.base import Quantized
from train.quantization.knapsack import Candidate, Choice, best_mix
from train.quantization.low_bit import (
    METHODS,
    LowBitWeights,
    Method,
    WeightedLayer,
    check_layer_names,
    check_methods,
    low_bit_layers,
    train_low_bit,
    weighted_layers,
)
from train.quantization.quantizers import Clip
from train.quantization.tuning import FineTuned

_OPERATORS = {
    "Conv2D": "CONV_2D",
    "DepthwiseConv2D": "DEPTHWISE_CONV_2D",
    "Dense": "FULLY_CONNECTED",
}
_RANGE_CLIPS = 64  # for the sensitivity of weights the ranges of activations do not matter


@dataclass(frozen=True)
class Mixed(FineTuned):
    """The mix with the least noise in the logits that fits, fine-tuned.

    Each layer's weights are rounded alone by each method, everything else float
    (`train.sensitivity`); the noise to signal ratios of the logits add up over the layers, and the
    least sum that fits is found exactly (`knapsack.best_mix`). The other options are those of
    `FineTuned`.

    Attributes:
        weight_bytes: flash for all weights and tables; 0: `weight_share` decides.
        weight_share: the same as a share of the bytes that the weights take as int8.
        layers: layer -> method for layers that are not to be chosen for.
        base: of log4, see `Log4`.
        clip: of int4, see `LinearInt4`.
        sensitivity_clips: at most so many validation clips measure the noise.
    """

    scheme: Literal["mixed"] = "mixed"
    weight_bytes: int = 0
    weight_share: float = 0.6
    layers: dict[str, Method] = field(default_factory=dict)
    base: float = 1.5
    clip: Clip = "max"
    epochs: int = 8
    sensitivity_clips: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight_bytes <= 1 << 30:
            raise SpecError(
                "weight_bytes must be a number of bytes, or 0 to let weight_share decide. "
                f"Received: {self.weight_bytes}."
            )
        if not 0.05 <= self.weight_share <= 1:
            raise SpecError(f"weight_share must be from 0.05 to 1. Received: {self.weight_share}.")
        if not 1 <= self.sensitivity_clips <= 100_000:
            raise SpecError(
                f"sensitivity_clips must be from 1 to 100000. Received: {self.sensitivity_clips}."
            )
        self.weights()

    def weights(self) -> LowBitWeights:
        """How 4 bits are used."""
        return LowBitWeights(clip=self.clip, base=self.base)

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize` and `low_bit.train_low_bit`.

        Raises:
            SpecError: a name in `layers` that no layer with weights has, or a budget that even the
                smallest mix exceeds.
            UnsupportedModelError: 4 bits asked for a layer that has no 4-bit kernel.
        """
        choice = self.choose(model, data)
        methods = dict(choice.methods)
        result = train_low_bit(
            model,
            data,
            methods,
            self.weights(),
            self.fit_spec(),
            calibration_clips=self.calibration_clips,
            runs_on=self.runs_on,
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
        )
        named = ", ".join(f"{name} {method}" for name, method in methods.items())
        note = f"Weights and tables take {choice.nbytes} bytes of flash: {named}."
        return replace(result, notes=(*result.notes, note))

    def check_model(self, model: Any) -> None:
        """Refuse, before training, a network for which there is no mix; as `quantize`."""
        layers = weighted_layers(model)
        check_layer_names(tuple(self.layers), [one.name for one in layers], "layers")
        check_methods(model, {one.name: self.layers.get(one.name, "int8") for one in layers})
        # Noise does not decide whether anything fits.
        best_mix([self._candidate(model, one, {}) for one in layers], self._budget(model))

    def choose(
        self,
        model: Any,
        data: TrainingData,
        noise: Mapping[tuple[str, Method], float] | None = None,
    ) -> Choice:
        """The mix, without fine-tuning; `quantize` says what is raised.

        Args:
            model: the trained float model.
            data: what noise is measured on.
            noise: what `noise` found, where that is known already.
        """
        self.check_model(model)
        found = self.noise(model, data) if noise is None else noise
        candidates = [self._candidate(model, one, found) for one in weighted_layers(model)]
        return best_mix(candidates, self._budget(model))

    def noise(self, model: Any, data: TrainingData) -> dict[tuple[str, Method], float]:
        """(layer, method) -> noise power of the logits over their power."""
        from train.sensitivity import sensitivity

        table = sensitivity(
            model,
            _some(data.validation, self.sensitivity_clips),
            data.calibration[: max(_RANGE_CLIPS, MIN_CALIBRATION_CLIPS)],
            weights=self.weights(),
            parts=("weights",),
        )
        return {(x.layer, x.method): _noise(x.logits_sqnr_db) for x in table}

    def _budget(self, model: Any) -> int:
        """Bytes for weights and tables."""
        whole = sum(one.weights for one in weighted_layers(model))
        return self.weight_bytes or int(self.weight_share * whole)

    def _candidate(
        self, model: Any, layer: WeightedLayer, noise: Mapping[tuple[str, Method], float]
    ) -> Candidate:
        allowed: tuple[Method, ...] = METHODS if layer.name in low_bit_layers(model) else ("int8",)
        if layer.name in self.layers:
            allowed = (self.layers[layer.name],)
        return Candidate(
            layer.name,
            _OPERATORS.get(layer.kind, layer.kind),
            layer.rows,
            layer.weights // layer.rows,
            {method: noise.get((layer.name, method), 0.0) for method in allowed},
        )


def _noise(sqnr_db: float) -> float:
    """Noise power over signal power; a signal of nothing is not disturbed."""
    return 0.0 if math.isnan(sqnr_db) else float(10 ** (-sqnr_db / 10))


def _some(examples: Examples, count: int) -> Examples:
    """At most so many, evenly spaced."""
    rows = np.unique(np.linspace(0, len(examples) - 1, count).astype(int))
    return Examples(examples.features[rows], examples.labels[rows])
