"""Clustering, with quantization-aware fine-tuning that keeps the clusters (CQAT)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from train.quantization.clusters import Clustering, Initial
from train.quantization.shaped_int8 import ShapedInt8


@dataclass(frozen=True)
class ClusteredInt8(ShapedInt8):
    """int8 weights of few different values; up to 16 take 4 bits each in the generated C.

    Attributes:
        clusters: different values of a kernel at most, 2 to 256.
        initial: where they begin: "kmeans++" or "linear" (evenly spaced).
    """

    scheme: Literal["clustered_int8"] = "clustered_int8"
    clusters: int = 16
    initial: Initial = "kmeans++"

    def clustering(self) -> Clustering:
        """How to cluster."""
        return Clustering(self.clusters, self.initial)
