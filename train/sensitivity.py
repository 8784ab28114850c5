"""Which layer suffers from which quantization: each one quantized alone, everything else float.

A layer here is one that has weights, with the BatchNormalization and the activation that the
converter folds into it, or one that only has an output (a sum, a pool). Its weights, its bias (with
BatchNormalization folded) and its output are rounded one at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from convert.export import check_weights, real_features
from train.evaluate import sqnr
from train.features import Examples, Features
from train.keras import start
from train.quantization.calibration import enough_clips
from train.quantization.gates import Gate, Gates, install
from train.quantization.low_bit import METHODS, LowBitWeights, Method, exchange, weight_gates
from train.quantization.quantizers import affine_range, linear, linear_scale, log_scale, logarithmic
from train.quantization.tf_quantizers import linear_tf, logarithmic_tf
from train.quantization.tfmot_int8 import quantization_aware
from train.quantization.tfmot_tools import tools

Part = Literal["weights", "bias", "activations"]
PARTS: tuple[Part, ...] = ("weights", "bias", "activations")
Told = Callable[[int, int], None]
"""Progress: (measurements done, measurements in all)."""

_NOISE_CLIPS = 64
_BATCH = 64
_BITS = {"int8": 8, "int4": 4}
_FLOAT32_TINY = 1e-30


@dataclass(frozen=True)
class LayerSensitivity:
    """One part of one layer, quantized alone.

    Attributes:
        layer: name of the Keras layer.
        part: what was rounded. Weights: per channel, dense layers per tensor. Bias: per tensor.
            Activations: the layer's output, affine over the range of the calibration clips.
        method: "int8" and "int4" are linear; "log4" is logarithmic with 4 bits, of which
            activations that are never negative need none for a sign.
        accuracy: of the whole model, 0 to 1.
        correct: clips recognised.
        total: clips.
        sqnr_db: signal to quantization noise of the layer's output, dB; infinite when nothing
            changed, NaN when the output is zero.
        logits_sqnr_db: the same of the logits, which are the logarithms of the probabilities
            minus their mean over the classes.
        weights: numbers that were rounded: weights, biases, or output values per clip.
    """

    layer: str
    part: Part
    method: Method
    accuracy: float
    correct: int
    total: int
    sqnr_db: float
    logits_sqnr_db: float
    weights: int


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with the places of its parts in the quantization-aware model."""

    name: str
    end: Any  # Keras tensor of its output
    kernel: Gate | None
    kernel_size: int
    outputs: tuple[Gate, ...]
    bias: _Bias | None


@dataclass(frozen=True, eq=False)
class _Bias:
    """The bias that the converter will make: the layer's own, or BatchNormalization's, folded."""

    variable: Any  # added to the output as it is: a layer's bias or BatchNormalization's beta
    folded: NDArray[np.float32]


def sensitivity(
    model: Any,
    examples: Examples,
    calibration: Features,
    *,
    weights: LowBitWeights | None = None,
    parts: tuple[Part, ...] = PARTS,
    methods: tuple[Method, ...] = METHODS,
    progress: Told | None = None,
) -> tuple[LayerSensitivity, ...]:
    """Measure every part of every layer with every method.

    Args:
        model: trained float tf_keras model, left as it is.
        examples: clips that accuracy and noise are measured on. The noise is that of 64 of them,
            evenly spaced.
        calibration: int8 (clips, frames, width), for the ranges of the activations.
        weights: how 4 bits are used; default `LowBitWeights()`.
        parts: which parts.
        methods: which methods.
        progress: called after every measurement.

    Returns:
        Layer by layer in the model's order, the parts of each in the order of `PARTS`, the methods
        in that of `METHODS`. The same arguments give the same numbers.

    Raises:
        ModelError: too few calibration clips, or weights that are not finite.
        SpecError: no clips.
        UnsupportedModelError: a layer that tfmot does not know.
    """
    if not len(examples):
        raise SpecError("Sensitivity must be measured on clips. Received: none.")
    enough_clips(calibration)
    check_weights(model)
    start(0)
    gates = install(quantization_aware(model))
    gates.calibrate(calibration)
    gates.set_mode("off", ("input", "weight", "activation"))
    layers = _layers(gates)
    bench = _Bench(gates.model, layers, examples)
    todo = [
        (layer, part, method)
        for layer in layers
        for part in PARTS
        for method in METHODS
        if part in parts and method in methods and _size(layer, part)
    ]
    found = []
    for layer, part, method in todo:
        with _rounded(gates, layer, part, method, weights or LowBitWeights()):
            found.append(bench.measure(layer, part, method))
        if progress is not None:
            progress(len(found), len(todo))
    return tuple(found)


class _Bench:
    """Runs the model, whole and with an eye on one layer, and compares with how it was."""

    def __init__(self, model: Any, layers: tuple[_Layer, ...], examples: Examples) -> None:
        from train.keras import load

        self._model = model
        self._examples = examples
        some = np.unique(np.linspace(0, len(examples) - 1, _NOISE_CLIPS).astype(int))
        self._few = real_features(examples.features[some])
        self._probe = load().keras.Model(model.inputs, [layer.end for layer in layers])
        self._place = {layer.name: place for place, layer in enumerate(layers)}
        self._before = self._watched()
        self._logits = _logits(self._probabilities())

    def measure(self, layer: _Layer, part: Part, method: Method) -> LayerSensitivity:
        place = self._place[layer.name]
        outputs = self._probabilities()
        correct = int(np.count_nonzero(outputs.argmax(axis=1) == self._examples.labels))
        return LayerSensitivity(
            layer=layer.name,
            part=part,
            method=method,
            accuracy=correct / len(outputs),
            correct=correct,
            total=len(outputs),
            sqnr_db=sqnr(self._before[place], self._watched()[place]),
            logits_sqnr_db=sqnr(self._logits, _logits(outputs)),
            weights=_size(layer, part),
        )

    def _watched(self) -> list[NDArray[np.float32]]:
        outputs = self._probe(self._few, training=False)
        return [np.asarray(one) for one in (outputs if isinstance(outputs, list) else [outputs])]

    def _probabilities(self) -> NDArray[np.float32]:
        features = self._examples.features
        # Eager: the modes of the gates are read anew in each call.
        return np.concatenate(
            [
                np.asarray(self._model(real_features(features[at : at + _BATCH]), training=False))
                for at in range(0, len(features), _BATCH)
            ]
        )


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits up to the constant per clip that a softmax does not see."""
    logarithms = np.log(np.maximum(probabilities, np.float32(_FLOAT32_TINY)))
    return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))


def _layers(gates: Gates) -> tuple[_Layer, ...]:
    """Layers with weights, then what stays of the gates under the names of their own layers."""
    wrapper = tools().Wrapper
    kernels = {name: (kernel, gate) for name, _, kernel, gate in weight_gates(gates)}
    owner = _activation_gates(gates)
    claimed: set[str] = set()
    found = []
    for layer in gates.model.layers:
        if not isinstance(layer, wrapper) or layer.name in claimed:
            continue
        name = layer.layer.name
        if name not in kernels and layer.name not in owner:
            continue
        chain = _chain(layer, owner) if name in kernels else [layer]
        claimed.update(one.name for one in chain)
        kernel, gate = kernels.get(name, (None, None))
        found.append(
            _Layer(
                name=name,
                end=chain[-1].output,
                kernel=gate,
                kernel_size=0 if kernel is None else int(np.prod(kernel.shape)),
                outputs=owner.get(chain[-1].name, ()),
                bias=_bias(chain) if name in kernels else None,
            )
        )
    return tuple(found)


def _activation_gates(gates: Gates) -> dict[str, tuple[Gate, ...]]:
    """Name of the wrapping layer -> its gates of activations (`Gate.name` begins with it)."""
    found: dict[str, tuple[Gate, ...]] = {}
    for gate in gates:
        if gate.kind == "activation":
            name = gate.name.split("/")[0]
            found[name] = (*found.get(name, ()), gate)
    return found


def _chain(layer: Any, owner: dict[str, tuple[Gate, ...]]) -> list[Any]:
    """A layer with weights and what follows, up to the first whose output is quantized."""
    chain = [layer]
    while chain[-1].name not in owner:
        nodes = chain[-1]._outbound_nodes
        if len(nodes) != 1 or not isinstance(nodes[0].outbound_layer, tools().Wrapper):
            break
        if len(nodes[0].parent_nodes) != 1:
            break
        chain.append(nodes[0].outbound_layer)
    return chain


def _bias(chain: list[Any]) -> _Bias | None:
    own = getattr(chain[0].layer, "bias", None)
    norms = [x.layer for x in chain[1:] if type(x.layer).__name__ == "BatchNormalization"]
    if not norms:
        return None if own is None else _Bias(own, own.numpy())
    norm = norms[0]
    gain = 1.0 if norm.gamma is None else norm.gamma.numpy()
    offset = -norm.moving_mean.numpy() + (0.0 if own is None else own.numpy())
    folded = offset * gain / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    if norm.beta is None:
        return None
    return _Bias(norm.beta, (folded + norm.beta.numpy()).astype(np.float32))


def _size(layer: _Layer, part: Part) -> int:
    """Numbers that a part has; 0 where the layer does not have it."""
    if part == "weights":
        return layer.kernel_size
    if part == "bias":
        return 0 if layer.bias is None else layer.bias.folded.size
    return int(np.prod(layer.end.shape[1:])) if layer.outputs else 0


@contextlib.contextmanager
def _rounded(
    gates: Gates, layer: _Layer, part: Part, method: Method, weights: LowBitWeights
) -> Iterator[None]:
    """Within the block one part of one layer is quantized."""
    if part == "bias":
        assert layer.bias is not None
        before = layer.bias.variable.numpy()
        change = _rounded_bias(layer.bias.folded, method, weights) - layer.bias.folded
        layer.bias.variable.assign(before + change)
        try:
            yield
        finally:
            layer.bias.variable.assign(before)
        return
    switched = (layer.kernel,) if part == "weights" else layer.outputs
    kept = [gate.inner for gate in switched if gate is not None]
    if part == "weights":
        exchange(gates, {name: method for name, *_ in weight_gates(gates)}, weights)
    for gate in switched:
        assert gate is not None
        if part == "activations":
            gate.inner = _activation(gate, method, weights)
        gate.mode = "frozen"
    try:
        yield
    finally:
        for gate, inner in zip(switched, kept, strict=True):
            assert gate is not None
            gate.inner, gate.mode = inner, "off"


def _rounded_bias(
    bias: NDArray[np.float32], method: Method, weights: LowBitWeights
) -> NDArray[np.float32]:
    if method == "log4":
        alpha = weights.base - 1.0
        return logarithmic(bias, log_scale(bias, 4, alpha), 4, alpha, small="zero")
    return linear(bias, linear_scale(bias, _BITS[method]), _BITS[method])


def _activation(gate: Gate, method: Method, weights: LowBitWeights) -> Any:
    """A quantizer over the range that the gate's calibration found."""
    low, high = (float(one) for one in gate.range)
    if method != "log4":
        scale, zero_point = affine_range(low, high, _BITS[method])

        def rounded(inputs: Any, training: Any, weights: Any) -> Any:
            return linear_tf(inputs, scale, _BITS[method], zero_point)

        return rounded
    # Without a sign, 4 bits name zero and 15 magnitudes: as many as a signed 5-bit quantizer has.
    bits, alpha = (5 if low >= 0 else 4), weights.base - 1.0
    smallest = log_scale(np.array([low, high], np.float32), bits, alpha)[0]

    def rounded_log(inputs: Any, training: Any, weights: Any) -> Any:
        return logarithmic_tf(inputs, smallest, bits, alpha, small="zero")

    return rounded_log
