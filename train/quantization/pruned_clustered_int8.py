"""Pruning, then clustering with fine-tuning that keeps zeros and clusters (PCQAT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convert.errors import SpecError
from train.quantization.clusters import Clustering, Initial
from train.quantization.pruned_int8 import PruningOptions


@dataclass(frozen=True)
class PrunedClusteredInt8(PruningOptions):
    """int8 weights of few different values, most of them zero.

    Attributes:
        clusters: different values of a kernel at most, zero included, 3 to 256.
        initial: where they begin: "kmeans++" or "linear" (evenly spaced).
    """

    scheme: Literal["pruned_clustered_int8"] = "pruned_clustered_int8"
    clusters: int = 16
    initial: Initial = "kmeans++"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters < 3:
            raise SpecError(
                "clusters must be from 3 to 256 where weights are pruned, because zero is one of "
                f"them. Received: {self.clusters}."
            )

    def clustering(self) -> Clustering:
        """How to cluster."""
        return Clustering(self.clusters, self.initial)
