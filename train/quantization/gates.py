"""A switch around every quantizer of a quantization-aware model.

tfmot's quantizers have one behaviour: move the range in training, use it in inference. Ranges
begin at ±6 and follow a slow moving average, so that a short fine-tuning would work with wrong
ranges. A `Gate` stands around each quantizer and can also be off, calibrate, or hold its range.
With every gate off the model computes exactly what the float model does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.export import INPUT_RANGE, real_features, to_tflite
from train.quantization.tfmot_tools import tools

Mode = Literal["off", "calibrate", "train", "frozen"]
Kind = Literal["input", "weight", "activation"]

_LEAST_RANGE = 1e-6


class Gate:
    """One quantizer and its switch. Take the place of the quantizer: call it like one.

    The mode is read when a function is traced: change it between calls of `fit`, not within.

    Attributes:
        name: layer and role, e.g. "quant_conv/kernel".
        layer: name of the layer alone, e.g. "quant_conv".
        kind: what is quantized.
        mode: "off" passes values through; "calibrate" passes them through and records their least
            and greatest (eager execution only); "train" is tfmot's own behaviour; "frozen"
            quantizes with the range as it is.
        observer: is shown the values of an activation while calibrating.
        before: None, or what is done to the values first, in every mode (a pruning mask).
    """

    def __init__(
        self, inner: Any, variables: dict[str, Any], layer: str, role: str, kind: Kind
    ) -> None:
        self.inner = inner
        self.variables = variables
        self.layer = layer
        self.name = f"{layer}/{role}" if role else layer
        self.kind: Kind = kind
        self.mode: Mode = "train"
        self.observer: Callable[[NDArray[np.float32]], None] | None = None
        self.before: Callable[[Any], Any] | None = None
        self._low = np.inf
        self._high = -np.inf

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        """What a tfmot quantizer does with a tensor, subject to `before` and `mode`."""
        if self.before is not None:
            inputs = self.before(inputs)
        if self.mode == "off":
            return inputs
        if self.mode == "calibrate":
            if self.kind == "weight":
                self.inner(inputs, True, weights=weights, **kwargs)
            else:
                values = inputs.numpy()
                self._low = min(self._low, float(values.min()))
                self._high = max(self._high, float(values.max()))
                if self.observer is not None:
                    self.observer(values)
            return inputs
        moving = training and self.mode == "train"
        return self.inner(inputs, moving, weights=weights, **kwargs)

    def follow(self, weight: Any) -> None:
        """Set the range of a weight from its values as they are now."""
        values = weight if self.before is None else self.before(weight)
        self.inner(values, True, weights=self.variables)

    def commit(self) -> None:
        """Make what "calibrate" recorded the range; zero is always inside."""
        if np.isfinite(self._low) and np.isfinite(self._high):
            self.set_range(self._low, self._high)
        self._low, self._high = np.inf, -np.inf

    def set_range(self, low: float, high: float) -> None:
        """Set the range of real values that the quantizer covers."""
        low = min(low, 0.0)
        high = max(high, 0.0, low + _LEAST_RANGE)
        self.variables["min_var"].assign(low)
        self.variables["max_var"].assign(high)

    @property
    def range(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The range as it is: scalars, or one entry per channel."""
        return self.variables["min_var"].numpy(), self.variables["max_var"].numpy()


@dataclass(frozen=True, eq=False)
class Gates:
    """All gates of one model, in the order of its layers."""

    model: Any
    gates: tuple[Gate, ...]

    def __iter__(self) -> Iterator[Gate]:
        return iter(self.gates)

    def set_mode(
        self,
        mode: Mode,
        kinds: Iterable[Kind] = ("weight", "activation"),
        *,
        layers: Collection[str] | None = None,
    ) -> None:
        """Switch the gates of some kinds; the input's stays frozen unless named.

        Args:
            mode: what they are to do.
            kinds: which gates.
            layers: of these layers only; None: of all.
        """
        wanted = tuple(kinds)
        for gate in self.gates:
            if gate.kind in wanted and (layers is None or gate.layer in layers):
                gate.mode = mode

    def calibrate(
        self,
        features: NDArray[np.int8],
        batch: int = 64,
        *,
        layers: Collection[str] | None = None,
    ) -> None:
        """Set ranges from clips, with the tensors they belong to computed in float.

        Args:
            features: int8 (clips, frames, width).
            batch: clips at a time.
            layers: of these layers only; the gates of the others do what they do. None: of all.
        """
        chosen = [
            g for g in self.gates if g.kind != "input" and (layers is None or g.layer in layers)
        ]
        before = [gate.mode for gate in chosen]
        for gate in chosen:
            gate.mode = "calibrate"
        for start in range(0, len(features), batch):
            self.model(real_features(features[start : start + batch]), training=False)
        for gate, mode in zip(chosen, before, strict=True):
            gate.commit()
            gate.mode = mode

    def fix_input(self) -> None:
        """Hold the input to the front-end's int8: scale 1/64, zero point 0."""
        for gate in self.gates:
            if gate.kind == "input":
                gate.set_range(*INPUT_RANGE)
                gate.mode = "frozen"

    def follow_weights(self) -> None:
        """Set the ranges of the weights from the weights as they are now.

        In training a range is that of the weights before the last step; without this the converter
        would clip the few that have grown since. Frozen ranges stay.
        """
        for layer in self.model.layers:
            for weight, gate, _ in getattr(layer, "_weight_vars", ()):
                if gate.mode != "frozen":
                    gate.follow(weight)

    def convert(self) -> tuple[bytes, bytes]:
        """The model as it is, int8, and the same weights in float.

        Raises:
            ModelError: weights that are not finite; see `convert.export.to_tflite`.
        """
        tflite = to_tflite(self.model, "int8", quantization_aware=True)
        before = [gate.mode for gate in self.gates]
        self.set_mode("off", ("input", "weight", "activation"))
        reference = to_tflite(self.model, "float32")
        for gate, mode in zip(self.gates, before, strict=True):
            gate.mode = mode
        return tflite, reference


def install(model: Any) -> Gates:
    """Put a gate around every quantizer of a model made by `quantization_aware`.

    Returns:
        The gates, all in mode "train" but the input's, which is frozen at (-2, 127/64).
    """
    t = tools()
    gates: list[Gate] = []

    def gate(inner: Any, variables: dict[str, Any], layer: str, role: str, kind: Kind) -> Gate:
        made = Gate(inner, variables, layer, role, kind)
        gates.append(made)
        return made

    for layer in model.layers:
        if isinstance(layer, t.QuantizeLayer) and layer.quantizer is not None:
            layer.quantizer = gate(layer.quantizer, layer.quantizer_vars, layer.name, "", "input")
        elif isinstance(layer, t.Wrapper):
            _install_in(layer, gate)
    made = Gates(model, tuple(gates))
    made.fix_input()
    return made


def _install_in(layer: Any, gate: Any) -> None:
    layer._weight_vars = [
        (weight, gate(q, v, layer.name, weight.name, "weight"), v)
        for weight, q, v in layer._weight_vars
    ]
    for activation in layer._quantize_activations:
        found: Sequence[tuple[str, str]] = (
            ("_pre_activation_vars", "before"),
            ("_post_activation_vars", "after"),
        )
        present = [(attribute, role) for attribute, role in found if hasattr(activation, attribute)]
        inner = activation.quantizer
        made = {
            id(getattr(activation, attribute)["min_var"]): gate(
                inner, getattr(activation, attribute), layer.name, role, "activation"
            )
            for attribute, role in present
        }
        activation.quantizer = _Switch(made) if made else inner
    if layer._output_quantizers:
        layer._output_quantizers = [
            gate(
                layer._output_quantizers[0],
                layer._output_quantizer_vars,
                layer.name,
                "",
                "activation",
            )
        ]


class _Switch:
    """An activation's quantizer serves two places, before and after; the range tells which."""

    def __init__(self, gates: dict[int, Gate]) -> None:
        self._gates = gates

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        return self._gates[id(weights["min_var"])](inputs, training, weights, **kwargs)
