"""Pruning, then quantization-aware fine-tuning that keeps the zeros (PQAT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from train.quantization.masks import Pattern, Pruning, Spread
from train.quantization.shaped_int8 import ShapedInt8


@dataclass(frozen=True)
class PruningOptions(ShapedInt8):
    """Options of the schemes that prune.

    Attributes:
        sparsity: share of zeros of the pruned kernels, 0 to 0.95. Left out: 0.7, or 0.5 for 2:4.
        pattern: "unstructured", or "2:4" (two zeros in every four weights along the inputs).
        spread: of unstructured zeros: "lamp" (over all pruned kernels, most where they hurt least)
            or "uniform" (the same share in each).
        pruning_epochs: of float fine-tuning; the share of zeros rises in about two thirds of them.
        pruning_rate: highest learning rate in them.
    """

    sparsity: float | None = None
    pattern: Pattern = "unstructured"
    spread: Spread = "lamp"
    pruning_epochs: int = 40
    pruning_rate: float = 2e-3

    def pruning(self) -> Pruning:
        """How to prune."""
        sparsity = self.sparsity
        if sparsity is None:
            sparsity = 0.5 if self.pattern == "2:4" else 0.7
        return Pruning(sparsity, self.pattern, self.spread, self.pruning_epochs, self.pruning_rate)


@dataclass(frozen=True)
class PrunedInt8(PruningOptions):
    """int8 weights of which most are zero; the options are those of `PruningOptions`."""

    scheme: Literal["pruned_int8"] = "pruned_int8"
