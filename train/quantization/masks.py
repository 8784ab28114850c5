"""Pruning by magnitude: which weights are zero, and how their number grows.

Layers differ in how many weights they can spare. With spread "lamp" the share of zeros holds for
all pruned kernels together, and who gives how many is decided by layer-adaptive magnitude (Lee et
al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021): a weight's score is its
square over the sum of the squares of its kernel's weights that are not smaller, and the lowest
scores of all kernels are cut. With "uniform" every kernel gives the same share.

The share of zeros rises by tfmot's `PolynomialDecay` (Zhu and Gupta, "To prune, or not to prune",
2017): s(t) = s_end · (1 - (1 - t / t_end)³). 2:4 masks are tfmot's, too: in every four weights that
stand next to each other along the last dimension of the .tflite, the two smaller ones are zero.

tfmot's wrapper `prune_low_magnitude` is not used. It keeps masks as float weights and multiplies
weights by them in place, inside the forward pass: averaging over steps (`train.averaging`) would
average masks of different steps, and quantization-aware training needs a second model. Here the
mask is a Boolean in front of the weight's quantizer, so that whatever happens to the weights, the
deployed ones are exactly zero where it says so. A weight that is cut keeps its last value and
comes back when the others have fallen below it, until the masks are final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from train.keras import load
from train.quantization.kernels import Kernel

Pattern = Literal["unstructured", "2:4"]
Spread = Literal["lamp", "uniform"]

_RAMP = 0.6  # share of the pruning epochs in which the number of zeros rises
_GROUP = 4
_UPDATES = 50  # about so often are masks chosen while the share of zeros rises


@dataclass(frozen=True)
class Pruning:
    """How weights are pruned.

    Attributes:
        sparsity: share of zeros, 0 to 0.95; 0.5 for pattern "2:4".
        pattern: "unstructured", or "2:4" (two zeros in every four weights along the inputs).
        spread: of unstructured zeros: "lamp" (over all pruned kernels, most where they hurt least)
            or "uniform" (the same share in each).
        epochs: of pruning, in float.
        learning_rate: highest rate in them.
    """

    sparsity: float
    pattern: Pattern
    spread: Spread
    epochs: int
    learning_rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 0.95:
            raise SpecError(f"sparsity must be from 0 to 0.95. Received: {self.sparsity:g}.")
        if self.pattern not in ("unstructured", "2:4"):
            raise SpecError(f'pattern must be "unstructured" or "2:4". Received: {self.pattern}.')
        if self.spread not in ("lamp", "uniform"):
            raise SpecError(f'spread must be "lamp" or "uniform". Received: {self.spread}.')
        if self.pattern == "2:4" and self.sparsity != 0.5:
            raise SpecError(
                "sparsity must be 0.5 (or left out) with pattern 2:4, which zeroes two weights of "
                f"four. Received: {self.sparsity:g}."
            )
        if not 1 <= self.epochs <= 10_000:
            raise SpecError(f"pruning_epochs must be from 1 to 10000. Received: {self.epochs}.")
        if not 1e-7 <= self.learning_rate <= 1:
            raise SpecError(
                f"pruning_rate must be from 1e-07 to 1. Received: {self.learning_rate:g}."
            )

    @property
    def ramp_epochs(self) -> int:
        """Epochs in which the number of zeros rises; masks are final in the others."""
        return max(1, round(self.epochs * _RAMP))


def magnitude_mask(weights: NDArray[np.floating[Any]], sparsity: float) -> NDArray[np.bool_]:
    """False for the `sparsity` share of weights that are smallest in magnitude.

    The number of zeros is rounded up; at least one weight stays. Of equal magnitudes the earlier
    ones are cut.

    Args:
        weights: any shape.
        sparsity: 0 to below 1.
    """
    zeros = min(int(np.ceil(weights.size * sparsity - 1e-9)), weights.size - 1)
    mask = np.ones(weights.size, bool)
    mask[np.argsort(np.abs(weights).reshape(-1), kind="stable")[:zeros]] = False
    return mask.reshape(weights.shape)


def layer_adaptive_masks(
    weights: Sequence[NDArray[np.floating[Any]]], sparsity: float
) -> tuple[NDArray[np.bool_], ...]:
    """False for the `sparsity` share of all weights with the lowest layer-adaptive scores.

    The score of a weight is w² / Σ v² over the weights v of its kernel with |v| >= |w|, equal ones
    in the order of their place (Lee et al. 2021, equation 4). The largest weight of a kernel scores
    1, which is the most there is, so every kernel keeps one weight.

    Args:
        weights: kernels of any shapes.
        sparsity: 0 to below 1; the number of zeros is rounded up.

    Returns:
        A mask of each kernel's shape.
    """
    scores = []
    for one in weights:
        squares = np.square(one.reshape(-1).astype(np.float64))
        order = np.argsort(squares, kind="stable")
        rising = squares[order]
        not_smaller = np.cumsum(rising[::-1])[::-1]
        score = np.empty_like(rising)
        score[order] = rising / np.maximum(not_smaller, np.finfo(np.float64).tiny)
        score[order[-1]] = 1.0  # also where all of the kernel is zero
        scores.append(score)
    total = sum(one.size for one in weights)
    zeros = min(int(np.ceil(total * sparsity - 1e-9)), total - len(weights))
    lowest = np.argsort(np.concatenate(scores), kind="stable")[:zeros]
    mask = np.ones(total, bool)
    mask[lowest] = False
    ends = np.cumsum([one.size for one in weights])[:-1]
    parts = np.split(mask, ends)
    return tuple(part.reshape(one.shape) for part, one in zip(parts, weights, strict=True))


def pairs_mask(kernel: Kernel, weights: NDArray[np.float32]) -> NDArray[np.bool_]:
    """False for two of every four neighbours, along the last dimension of the .tflite.

    A rest of one or two weights at the end of a row stays; of three the smallest is cut.

    Args:
        kernel: says how its dimensions are ordered in a .tflite.
        weights: of the kernel's shape.
    """
    _ = load().tfmot
    from tensorflow_model_optimization.python.core.sparsity.keras import pruning_utils

    rows = kernel.in_file(weights)
    mask = pruning_utils.generate_m_by_n_mask(
        load().tf.constant(rows.reshape(-1, rows.shape[-1])), (_GROUP // 2, _GROUP)
    )
    in_file = mask.numpy().astype(bool).reshape(rows.shape)
    if kernel.kind == "conv":
        return np.asarray(in_file.transpose(1, 2, 3, 0))
    return np.asarray(in_file.T if kernel.kind == "dense" else in_file.reshape(weights.shape))


def is_two_of_four(values: NDArray[Any]) -> bool:
    """Whether no four neighbours along the last dimension hold more than two non-zeros."""
    nonzero = values.reshape(-1, values.shape[-1]) != 0
    nonzero = np.pad(nonzero, ((0, 0), (0, -nonzero.shape[1] % _GROUP)))
    return bool(nonzero.reshape(-1, _GROUP).sum(axis=1).max(initial=0) <= _GROUP // 2)


class Masks:
    """The masks of some kernels; they stand in front of the quantizers from the beginning.

    Args:
        chosen: kernels to prune.
        pruning: how.
        ramp: steps over which the share rises.
    """

    def __init__(self, chosen: Sequence[Kernel], pruning: Pruning, ramp: int) -> None:
        self._chosen = tuple(chosen)
        self._pruning = pruning
        self._ramp = max(1, ramp)
        self._schedule = load().tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=pruning.sparsity,
            begin_step=0,
            end_step=self._ramp,
            frequency=max(1, self._ramp // _UPDATES),
        )
        self._masks = [self._install(kernel) for kernel in self._chosen]

    def _install(self, kernel: Kernel) -> Any:
        tf = load().tf
        mask = kernel.wrapper.add_weight(
            name="mask",
            shape=kernel.weight.shape,
            dtype=tf.bool,  # not floating, so that nothing averages it
            trainable=False,
            initializer=lambda shape, dtype: tf.ones(shape, dtype),
        )
        kernel.gate.before = lambda weights: weights * tf.cast(mask, weights.dtype)
        return mask

    def follow(self, step: int) -> None:
        """Choose the masks anew after a step of training, until the last step of the ramp."""
        tf = load().tf
        due, sparsity = self._schedule(tf.constant(step, tf.int64))
        if step > self._ramp or not (bool(due) or step == self._ramp):
            return
        # tfmot's schedule computes in float32; the last share is exactly the wanted one.
        share = self._pruning.sparsity if step == self._ramp else float(sparsity)
        for mask, values in zip(self._masks, self._choose(share), strict=True):
            mask.assign(values)

    def _choose(self, share: float) -> tuple[NDArray[np.bool_], ...]:
        weights = [kernel.weight.numpy() for kernel in self._chosen]
        if self._pruning.pattern == "2:4":
            pairs = zip(self._chosen, weights, strict=True)
            return tuple(pairs_mask(kernel, one) for kernel, one in pairs)
        if self._pruning.spread == "uniform":
            return tuple(magnitude_mask(one, share) for one in weights)
        return layer_adaptive_masks(weights, share)
