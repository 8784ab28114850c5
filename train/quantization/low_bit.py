"""What the 4-bit schemes share: which weights get which quantizer, fine-tuning, conversion.

In training, tfmot's 8-bit weight quantizers are exchanged, behind the gates, for those of
`weight_quantizers`. The converter knows nothing of them: it sees float weights on a grid and makes
int8 of them with the largest magnitude of each channel at 127, on which the grid survives. "int4"
layers are then rewritten as INT4 with the grid's own step; "log4" layers stay int8 with at most 16
different values per tensor, which the C packs to 4 bits with a table.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from convert import repack, tflite_reader
from convert.errors import ModelError, SpecError, UnsupportedModelError
from convert.export import check_int8, check_weights, to_tflite
from convert.graph import Graph, Tensor
from train.features import TrainingData
from train.fit import FitSpec, Progress, fit
from train.keras import start
from train.quantization import recurrent
from train.quantization.base import Engine, Quantized
from train.quantization.calibration import enough_clips
from train.quantization.gates import Gate, Gates, install
from train.quantization.quantizers import Clip
from train.quantization.tfmot_int8 import quantization_aware
from train.quantization.tfmot_tools import tools
from train.quantization.weight_quantizers import weight_quantizers

Method = Literal["int8", "int4", "log4"]
METHODS: tuple[Method, ...] = ("int8", "int4", "log4")

LOG_CODES = 16
"""Entries of a log4 table: what 4 bits can name."""

_AXES: Mapping[str, tuple[int, ...]] = {"Conv2D": (3,), "DepthwiseConv2D": (2, 3), "Dense": ()}


@dataclass(frozen=True)
class LowBitWeights:
    """How weights are rounded; the part of the options that does not depend on the layer.

    Attributes:
        clip: where the largest int4 level stands: "max" or "mse", see `quantizers.linear_scale`.
        base: ratio of neighbouring log4 levels, above 1; 1 + alpha.
    """

    clip: Clip = "max"
    base: float = 1.5

    def __post_init__(self) -> None:
        if not 1.1 <= self.base <= 2.2:
            # Outside, neighbouring levels of 4 bits are the same int8, or the smallest is none.
            raise SpecError(f"base must be from 1.1 to 2.2. Received: {self.base:g}.")

    def quantizer(self, method: Method, axis: tuple[int, ...]) -> Any:
        """The tfmot quantizer for weights whose channels are in the dimensions `axis`."""
        made = weight_quantizers()
        if method == "log4":
            return made.LogWeights(4, self.base - 1.0, axis, small="zero", codes=True)
        if method == "int4":
            return made.LinearWeights(4, axis, by=self.clip)
        return made.LinearWeights(8, axis)


@dataclass(frozen=True)
class WeightedLayer:
    """A layer of a float model that has a kernel.

    Attributes:
        name: of the Keras layer.
        kind: its class, e.g. "Conv2D".
        weights: elements of the kernel.
        rows: into which the C divides it, each beginning at a byte: output channels, or the taps of
            a depthwise filter.
    """

    name: str
    kind: str
    weights: int
    rows: int


def weighted_layers(model: Any) -> tuple[WeightedLayer, ...]:
    """The layers of a float model that have a kernel, in the model's order."""
    found = []
    for layer in model.layers:
        shapes = [tuple(w.shape) for w in layer.weights if len(w.shape) >= 2]
        if shapes:
            kind = type(layer).__name__
            rows = math.prod(shapes[0][:2]) if kind == "DepthwiseConv2D" else shapes[0][-1]
            found.append(WeightedLayer(layer.name, kind, sum(map(math.prod, shapes)), rows))
    return tuple(found)


def low_bit_layers(model: Any) -> tuple[str, ...]:
    """Names of the layers of a float model whose weights can have 4 bits."""
    found = []
    for layer in weighted_layers(model):
        with contextlib.suppress(UnsupportedModelError):
            _check_low_bit(model, layer)
            found.append(layer.name)
    return tuple(found)


def check_layer_names(names: Sequence[str], known: Sequence[str], what: str) -> None:
    """Refuse names that no layer with weights has.

    Raises:
        SpecError: the first of them, and the names that are near.
    """
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.4) or list(known)
            raise SpecError(
                f"{what} must name layers with weights. Received: {name}. "
                f"Did you mean {' or '.join(near)}?"
            )


def choose(model: Any, method: Method, keep_int8: Sequence[str]) -> dict[str, Method]:
    """One method for all layers with weights but those named.

    Raises:
        SpecError: a name that no layer with weights has.
    """
    names = [layer.name for layer in weighted_layers(model)]
    check_layer_names(keep_int8, names, "keep_int8")
    return {name: "int8" if name in keep_int8 else method for name in names}


def check_methods(model: Any, methods: Mapping[str, Method]) -> None:
    """Refuse 4 bits where they cannot be deployed.

    Args:
        model: the float model.
        methods: layer -> method, one for each of `weighted_layers`.

    Raises:
        UnsupportedModelError: a kind of layer that has no 4-bit kernel; a dense layer whose
            BatchNormalization will be folded into it, one factor per neuron, while its weights
            have one scale.
    """
    for layer in weighted_layers(model):
        if methods[layer.name] != "int8":
            _check_low_bit(model, layer)


def _check_low_bit(model: Any, layer: WeightedLayer) -> None:
    if layer.kind not in _AXES:
        raise UnsupportedModelError(
            f"Weights of 4 bits must be those of {', '.join(_AXES)}. Received: {layer.name}, "
            f"a {layer.kind}. Keep that layer at int8, or choose another scheme."
        )
    nodes = model.get_layer(layer.name)._outbound_nodes
    followers = {type(node.outbound_layer).__name__ for node in nodes}
    if layer.kind == "Dense" and "BatchNormalization" in followers:
        raise UnsupportedModelError(
            "A dense layer with weights of 4 bits must not be followed by BatchNormalization, "
            f"which would give each neuron another scale. Received: {layer.name}. Keep that "
            "layer at int8, or leave BatchNormalization out."
        )


def weight_gates(gates: Gates) -> Iterator[tuple[str, Any, Any, Gate]]:
    """(name of the float model's layer, the layer, its kernel, the gate of the kernel)."""
    for wrapper in gates.model.layers:
        if isinstance(wrapper, tools().Wrapper):
            for weight, gate, _ in wrapper._weight_vars:
                yield wrapper.layer.name, wrapper.layer, weight, gate


def exchange(gates: Gates, methods: Mapping[str, Method], weights: LowBitWeights) -> None:
    """Put the quantizer of each layer's method behind its gate.

    Layers of other kinds than Conv2D, DepthwiseConv2D and Dense keep tfmot's. Those that tfmot has
    made by splitting one of the float model's are int8.
    """
    for name, layer, _, gate in weight_gates(gates):
        axis = _AXES.get(type(layer).__name__)
        if axis is not None:
            gate.inner = weights.quantizer(methods.get(name, "int8"), axis)


def round_weights(gates: Gates) -> None:
    """Replace the weights that `exchange` gave a quantizer by what it makes of them, for good.

    The converter would have to compute the quantizers away, and does so only up to a size.
    """
    for _, layer, weight, gate in weight_gates(gates):
        if type(layer).__name__ in _AXES:
            weight.assign(gate.inner(weight, False, weights=gate.variables))
            gate.mode = "off"


def deploy(tflite: bytes, methods: Mapping[str, Method]) -> bytes:
    """Give each layer's weights the form that its method has in the file.

    Args:
        tflite: the int8 file as converted, with one scale for each dense layer.
        methods: layer -> method.

    Returns:
        The file with INT4 weights in "int4" layers; those of the others are left as they are.

    Raises:
        ModelError: weights that are not on a grid of 15 levels ("int4") or have more than 16
            different values in the tensor ("log4").
    """
    graph = tflite_reader.read(tflite)
    low = tuple(name for name, method in methods.items() if method != "int8")
    tensors = weight_tensors(graph, low)
    for name, tensor in tensors.items():
        assert tensor.data is not None
        values = np.unique(tensor.data)
        if methods[name] == "log4" and len(values) > LOG_CODES:
            raise ModelError(
                f"Logarithmic weights of 4 bits must have at most {LOG_CODES} different values. "
                f"Received: {len(values)} in {name} ({', '.join(map(str, values[:6]))}, …). Keep "
                "that layer at int8."
            )
    narrow = [tensor.index for name, tensor in tensors.items() if methods[name] == "int4"]
    if narrow:
        tflite = repack.to_int4(tflite, narrow)
        check_int8(tflite_reader.read(tflite))
    return tflite


def weight_tensors(graph: Graph, layers: Sequence[str]) -> dict[str, Tensor]:
    """The tensor of each layer's weights in a converted quantization-aware model.

    The converter names a tensor after the operators that it was folded from, among them the
    wrapper that tfmot has put around the layer.

    Raises:
        ModelError: a layer whose weights cannot be told, or that are not there.
    """
    found: dict[str, Tensor] = {}
    for index in repack.weight_tensors(graph):
        tensor = graph.tensors[index]
        sources = [f"/{source}/" for source in tensor.name.split(";")]
        for name in layers:
            if any(f"/quant_{name}/" in source for source in sources):
                if name in found:
                    raise ModelError(
                        f"A layer must have one weight tensor in the file. Received: {name} with "
                        f"{found[name].name} and {tensor.name}."
                    )
                found[name] = tensor
    missing = [name for name in layers if name not in found]
    if missing:
        raise ModelError(
            "The weights of every layer must be found in the file. Received: none for "
            f"{', '.join(missing)}."
        )
    return found


def train_low_bit(
    model: Any,
    data: TrainingData,
    methods: Mapping[str, Method],
    weights: LowBitWeights,
    fitting: FitSpec,
    *,
    calibration_clips: int,
    runs_on: tuple[Engine, ...],
    seed: int,
    first_epoch: int,
    progress: Progress | None,
) -> Quantized:
    """Fine-tune a float model with rounded weights and convert it.

    Args:
        model: trained float model, left as it is.
        data: what may be looked at.
        methods: layer -> method, one for each of `weighted_layers`.
        weights: how 4 bits are used.
        fitting: the fine-tuning.
        calibration_clips: at most so many set the ranges before the first step.
        runs_on: engines that can run the result.
        seed: of everything drawn.
        first_epoch: epochs of `data.train` that training has used.
        progress: called after every step.

    Returns:
        The file; its `reference` has the same rounded weights in float arithmetic, so that the
        noise of a layer is that of its activations.

    Raises:
        ModelError: too few calibration clips, weights that are not finite.
        UnsupportedModelError: a layer that cannot be quantized so.
        UserError: the fine-tuning has diverged.
    """
    clips = enough_clips(data.calibration[:calibration_clips])
    check_weights(model)
    recurrent.refuse(model, "4-bit weights")
    check_methods(model, methods)
    start(seed)
    aware = quantization_aware(model)
    gates = install(aware)
    exchange(gates, methods, weights)
    gates.calibrate(clips)
    history = fit(
        aware,
        data.train,
        data.validation,
        fitting,
        seed=seed,
        first_epoch=first_epoch,
        progress=progress,
        before_validation=gates.follow_weights,
    )
    round_weights(gates)
    gates.follow_weights()
    int8 = to_tflite(aware, "int8", quantization_aware=True, dense_per_tensor=True)
    tflite = deploy(int8, methods)
    gates.set_mode("off", ("input", "activation"))
    reference = to_tflite(aware, "float32")
    gates.set_mode("train", ("activation",))
    gates.fix_input()
    return Quantized(tflite, reference, aware, runs_on, history)
