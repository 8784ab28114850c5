"""Clips of one length with their labels, speakers and splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from train.reading import Rejected
from train.sources.base import SPLITS, Split


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips of one length with all that is known of them; rows of all fields belong together.

    Attributes:
        pcm: int16, shape (n, samples), 16 kHz.
        labels: int32, shape (n,), index into `classes`.
        classes: the words, then "unknown" and "silence" where asked for.
        speakers: one per clip, as "source/speaker".
        split: shape (n,), "train", "val" or "test".
        sources: name of each clip's source.
        paths: each clip's name within its source.
        words: each clip's own word (differs from the class for "unknown").
        rejected: clips left out.
    """

    pcm: NDArray[np.int16]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    speakers: tuple[str, ...]
    split: NDArray[np.str_]
    sources: tuple[str, ...]
    paths: tuple[str, ...]
    words: tuple[str, ...]
    rejected: tuple[Rejected, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, split: Split) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """Clips and labels of one split: int16 (m, samples) and int32 (m,)."""
        rows = self.split == split
        return self.pcm[rows], self.labels[rows]

    def where(self, rows: NDArray[np.generic]) -> Dataset:
        """The rows of a boolean mask or an index array, as a data set."""
        index = np.arange(len(self))[rows]
        pick = lambda values: tuple(values[i] for i in index)  # noqa: E731
        return replace(
            self,
            pcm=self.pcm[index],
            labels=self.labels[index],
            speakers=pick(self.speakers),
            split=self.split[index],
            sources=pick(self.sources),
            paths=pick(self.paths),
            words=pick(self.words),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of clips by split, then by class."""
        table: dict[str, dict[str, int]] = {s: dict.fromkeys(self.classes, 0) for s in SPLITS}
        for split, label in zip(self.split, self.labels, strict=True):
            table[str(split)][self.classes[label]] += 1
        return table

    def hash(self) -> str:
        """SHA-256 over clips, labels, splits, classes and speakers; equal data, equal hash."""
        digest = hashlib.sha256()
        digest.update(repr((self.pcm.shape, self.classes, self.speakers)).encode())
        digest.update("".join(self.split.tolist()).encode())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        digest.update(np.ascontiguousarray(self.pcm).tobytes())
        return digest.hexdigest()
