"""The layers of a quantization-aware model as blocks that are quantized one after another.

A block is named by its layers with weights. Every other layer (BatchNorm, ReLU, pooling, addition)
goes with the last of the blocks that it computes from, so that a block holds all that decides its
integers.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from typing import Any

from convert.errors import SpecError
from train.quantization.tfmot_tools import tools

_PREFIX = "quant_"

Names = tuple[str, ...]


def partition(aware: Any, count: int, given: Sequence[Names] = ()) -> tuple[Names, ...]:
    """Split a model into blocks.

    Args:
        aware: what `tfmot_int8.quantization_aware` returns.
        count: number of blocks of about as many layers with weights each, when none are given; a
            model with fewer such layers gets a block for each.
        given: for each block names of layers with weights; a * stands for any letters.

    Returns:
        For each block the names of its layers in `aware`, without the QuantizeLayer of the input.

    Raises:
        SpecError: a name that no layer with weights has, a layer in two blocks or in none, or
            blocks that do not follow the order of the network.
    """
    weighted = tuple(
        layer.name.removeprefix(_PREFIX) for layer in aware.layers if _has_weights(layer)
    )
    if given:
        block_of = _given(weighted, given)
    else:
        count = min(count, len(weighted))
        block_of = {name: i * count // len(weighted) for i, name in enumerate(weighted)}
    members: list[list[str]] = [[] for _ in range(max(block_of.values()) + 1)]
    place: dict[str, int] = {}
    for layer in aware.layers:
        sources = [name for name in _inputs(layer) if name in place]
        latest = max((place[name] for name in sources), default=0)
        name = layer.name.removeprefix(_PREFIX)
        if name in block_of and block_of[name] < latest:
            raise SpecError(
                f"layers must name blocks in the order of the network. Received: {name} in block "
                f"{block_of[name] + 1}, which computes from block {latest + 1}."
            )
        place[layer.name] = block_of.get(name, latest)
        if isinstance(layer, tools().Wrapper):
            members[place[layer.name]].append(layer.name)
    return tuple(tuple(names) for names in members)


def _given(weighted: Names, given: Sequence[Names]) -> dict[str, int]:
    """Layer with weights -> index of the block that names it."""
    block_of: dict[str, int] = {}
    for index, patterns in enumerate(given):
        for pattern in patterns:
            found = fnmatch.filter(weighted, pattern)
            if not found:
                near = difflib.get_close_matches(pattern.rstrip("*"), weighted, n=3, cutoff=0.5)
                raise SpecError(
                    f"layers must name layers with weights of this model. Received: {pattern}. "
                    + (
                        f"Did you mean {' or '.join(near)}?"
                        if near
                        else f"It has: {_few(weighted)}."
                    )
                )
            for name in found:
                if block_of.setdefault(name, index) != index:
                    raise SpecError(
                        f"layers must name each layer in one block only. Received: {name} in "
                        f"blocks {block_of[name] + 1} and {index + 1}."
                    )
    missing = [name for name in weighted if name not in block_of]
    if missing:
        raise SpecError(
            f"layers must name every layer with weights. Received: no block for {_few(missing)}."
        )
    return block_of


def freeze(aware: Any, names: Sequence[str]) -> None:
    """Take the layers of a block out of training for good: weights, biases and statistics.

    tfmot keeps a quantized kernel in a list of its wrapper's own, which `trainable` does not reach.
    """
    for name in names:
        wrapper = aware.get_layer(name)
        wrapper.trainable = False  # biases; BatchNorm computes with its statistics as they are
        wrapper._non_trainable_weights.extend(wrapper._trainable_weights)
        del wrapper._trainable_weights[:]


def _has_weights(layer: Any) -> bool:
    return bool(getattr(layer, "_weight_vars", ()))


def _inputs(layer: Any) -> list[str]:
    """Names of the layers whose outputs a layer takes."""
    return [parent.layer.name for node in layer.inbound_nodes for parent in node.parent_nodes]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
