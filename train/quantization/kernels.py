"""The kernels of a quantization-aware model, one by one, and the same ones in its .tflite.

What prunes and clusters works on these: it chooses among them, changes what is trained, and finds
the int8 tensor of each in the converted file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UnsupportedModelError
from convert.graph import Graph, Tensor
from train.quantization.gates import Gate, Gates
from train.quantization.tfmot_tools import tools

Kind = Literal["conv", "depthwise", "dense"]

_KINDS: dict[str, Kind] = {"Conv2D": "conv", "DepthwiseConv2D": "depthwise", "Dense": "dense"}


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel of a model that `gates.install` has been through.

    Attributes:
        name: of the layer.
        kind: conv (height, width, in, out), depthwise (height, width, channels, multiplier) or
            dense (in, out).
        wrapper: tfmot's layer around the layer.
        weight: its variable, float32.
        gate: the gate of its quantizer.
    """

    name: str
    kind: Kind
    wrapper: Any
    weight: Any
    gate: Gate

    @property
    def size(self) -> int:
        """Number of weights."""
        return int(np.prod(self.weight.shape))

    def in_file(self, values: NDArray[Any]) -> NDArray[Any]:
        """An array of the kernel's shape in the order of dimensions that a .tflite has.

        conv: (out, height, width, in); depthwise: (1, height, width, channels · multiplier);
        dense: (out, in). In a 2:4 pattern the groups of four lie along the last of them.
        """
        if self.kind == "conv":
            return values.transpose(3, 0, 1, 2)
        if self.kind == "dense":
            return values.T
        return values.reshape(1, *values.shape[:2], -1)

    def settle(self) -> None:
        """Write what the gate's `before` does into the weights, and make every range usable.

        A channel of zeros only has no range; it takes the widest of the others, so that its bias
        has a scale.
        """
        before = self.gate.before
        if before is not None:
            self.weight.assign(before(self.weight))
            self.gate.before = None
        limit = self.gate.variables["max_var"].numpy()
        limit = np.where(limit > 0, limit, limit.max())
        self.gate.variables["min_var"].assign(-limit)
        self.gate.variables["max_var"].assign(limit)


def kernels(gates: Gates) -> tuple[Kernel, ...]:
    """All kernels of a model, in the order of its layers."""
    found = []
    for wrapper in gates.model.layers:
        if not isinstance(wrapper, tools().Wrapper):
            continue
        kind = _KINDS.get(type(wrapper.layer).__name__)
        if kind is not None:
            ((weight, gate, _),) = wrapper._weight_vars
            found.append(Kernel(wrapper.layer.name, kind, wrapper, weight, gate))
    return tuple(found)


def choose(
    every: Sequence[Kernel], *, depthwise: bool, first_layer: bool, last_layer: bool
) -> tuple[Kernel, ...]:
    """The kernels to prune or cluster.

    Args:
        every: what `kernels` found.
        depthwise: depthwise kernels, too; they are few and sensitive.
        first_layer: the first kernel of the model, too.
        last_layer: the last one, too.

    Raises:
        UnsupportedModelError: none is left.
    """
    left = [k for k in every if depthwise or k.kind != "depthwise"]
    if not first_layer and left and left[0] is every[0]:
        left = left[1:]
    if not last_layer and left and left[-1] is every[-1]:
        left = left[:-1]
    if not left:
        raise UnsupportedModelError(
            "The model must have a Conv2D or Dense kernel to prune or cluster. Received: "
            f"{', '.join(f'{k.name} ({k.kind})' for k in every) or 'none'}. Set depthwise, "
            "first_layer or last_layer to true, or use scheme qat_int8."
        )
    return tuple(left)


def positive_norms(chosen: Sequence[Kernel]) -> None:
    """Turn the sign of channels whose BatchNorm multiplies by less than 0; outputs stay equal.

    The converter folds BatchNorm's factor into the kernel, and with it its sign: the codes of such
    a channel would be the negatives of the others'. With w -> -w, mean -> -mean and
    gamma -> -gamma the layer computes the same, since gamma (w x - mean) has two signs to lose.
    """
    for kernel in chosen:
        after = {id(n.outbound_layer): n.outbound_layer for n in kernel.wrapper.outbound_nodes}
        norm: Any = getattr(next(iter(after.values()), None), "layer", None)
        if len(after) != 1 or type(norm).__name__ != "BatchNormalization" or not norm.scale:
            continue
        sign = np.where(norm.gamma.numpy() < 0, -1, 1).astype(np.float32)
        per_weight = sign
        if kernel.kind == "depthwise":
            per_weight = sign.reshape(kernel.weight.shape[2:])
        kernel.weight.assign(kernel.weight.numpy() * per_weight)
        for value in (norm.gamma, norm.moving_mean, kernel.wrapper.layer.bias):
            if value is not None:
                value.assign(value.numpy() * sign)


def tensor_of(graph: Graph, kernel: Kernel) -> Tensor:
    """The kernel's constant in a converted model.

    Raises:
        ModelError: there is none, or there are several: the converter has made something else.
    """
    part = f"/{kernel.wrapper.name}/"
    found = {
        tensor.index: tensor
        for op in graph.ops
        for tensor in (graph.tensors[index] for index in op.inputs[1:2])
        if tensor.data is not None and part in f"/{tensor.name}/"
    }
    if len(found) != 1 or next(iter(found.values())).size != kernel.size:
        raise ModelError(
            f"The kernel of layer {kernel.name} must be one constant of {kernel.size} weights in "
            f"the .tflite. Received: {', '.join(str(t.shape) for t in found.values()) or 'none'}. "
            "Use scheme qat_int8 for this model."
        )
    return next(iter(found.values()))
