"""What training sees: int8 features of augmented clips, made ahead in background threads.

The features are the firmware's own bits (`simulate.hostfrontend`, the C front-end compiled for this
machine; a few clips of every run are compared with the NumPy definition).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from convert.frontend import FrontEnd
from simulate import frontend as definition
from simulate.hostfrontend import HostFrontEnd
from train.augment import Augmentation, epochs, spec_augment
from train.datasets import Dataset
from train.rows import colour

Features = NDArray[np.int8]
Labels = NDArray[np.int32]

_SPOT_CHECKS = 4
# Second words of seeds, so that masks and rows are drawn apart from the clips; the order of a fit's
# batches has 2.
_MASK_STREAM = 1
_ROW_STREAM = 3
_ROW_BLOCK = 512  # clips whose rows are augmented at once: 4 MB as float32


@dataclass(frozen=True, eq=False)
class Examples:
    """Features with labels.

    Attributes:
        features: int8 (n, frames, width); the real value of q is q / 64.
        labels: int32 (n,), index of the class.
        targets: what the outputs are fitted to in place of the labels: float32 (n, classes),
            probabilities, such as a teacher's; None fits to the labels. Accuracy is always that
            of the labels.
    """

    features: Features
    labels: Labels
    targets: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.features.dtype != np.int8 or self.features.ndim != 3:
            raise SpecError(
                "features must be int8 of shape (n, frames, width). Received: "
                f"{self.features.dtype} {self.features.shape}."
            )
        if self.labels.shape != self.features.shape[:1]:
            raise SpecError(
                f"There must be one label per clip. Received: {self.labels.shape} for "
                f"{len(self.features)} clips."
            )
        if self.targets is not None:
            _check_targets(self.targets, len(self.features))

    def __len__(self) -> int:
        return len(self.labels)


def _check_targets(targets: NDArray[np.float32], count: int) -> None:
    """Refuse soft labels that are no probabilities."""
    if targets.dtype != np.float32 or targets.ndim != 2 or len(targets) != count:
        raise SpecError(
            f"targets must be float32 of shape ({count}, classes). Received: "
            f"{targets.dtype} {targets.shape}."
        )
    # Sums of float32 probabilities of some tens of classes come within 1e-5 of 1.
    if not np.all(targets >= 0) or np.abs(targets.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise SpecError(
            "targets must be probabilities: 0 or more, with a sum of 1 for each clip. Received: "
            f"sums from {targets.sum(axis=1).min():g} to {targets.sum(axis=1).max():g}, the least "
            f"value {targets.min():g}."
        )


class Source(Protocol):
    """Where training examples come from, epoch by epoch."""

    @property
    def size(self) -> int:
        """Examples per epoch."""
        ...

    def epoch(self, number: int) -> Examples:
        """The examples of one epoch, in any order; the same for the same number."""
        ...


@dataclass(frozen=True, eq=False)
class Fixed:
    """A `Source` of the same examples in every epoch."""

    examples: Examples

    @property
    def size(self) -> int:
        """Examples per epoch."""
        return len(self.examples)

    def epoch(self, number: int) -> Examples:
        """The examples."""
        return self.examples


class Augmented:
    """A `Source` of augmented copies of clips.

    Copy k of all clips is epoch k, made in the background while earlier ones are trained on; after
    `copies` epochs they come round again, each time with new SpecAugment masks and, where
    `augmentation.rows` asks for it, with rows changed anew (copies are then kept as int16 rows
    rather than int8 features, twice the memory). Depends on `seed` only, not on the number of
    threads.

    Args:
        pcm: int16 (n, samples).
        labels: int32 (n,).
        frontend: turns clips into features.
        augmentation: what is drawn.
        copies: 1 or more.
        seed: of everything drawn.
        workers: threads; 0 takes one per core.
        base: folder that a relative noise folder starts from.
    """

    def __init__(
        self,
        pcm: NDArray[np.int16],
        labels: Labels,
        frontend: HostFrontEnd,
        augmentation: Augmentation,
        *,
        copies: int,
        seed: int,
        workers: int = 0,
        base: Path | str = ".",
    ) -> None:
        self._pcm = pcm
        self._labels = labels
        self._frontend = frontend
        self._augmentation = augmentation
        self._copies = copies
        self._seed = seed
        self._workers = workers
        self._base = base
        self._made: dict[int, NDArray[np.generic]] = {}
        self._next = 0
        self._ahead: Iterator[NDArray[np.generic]] | None = None

    @property
    def size(self) -> int:
        """Examples per epoch."""
        return len(self._labels)

    def epoch(self, number: int) -> Examples:
        """Copy `number` modulo the number of copies, with masks of its own."""
        copy = number % self._copies
        if copy not in self._made:
            self._made[copy] = self._make(copy)
        rng = np.random.default_rng([self._seed, _MASK_STREAM, number])
        features = self._features(self._made[copy], number)
        return Examples(spec_augment(features, self._augmentation, rng), self._labels)

    def _features(self, made: NDArray[np.generic], number: int) -> Features:
        """The int8 features of a copy for one epoch, before masks."""
        if not self._augmentation.rows.active:
            return np.asarray(made, np.int8)
        rows, spec, fe = np.asarray(made, np.int16), self._augmentation.rows, self._frontend.fe

        def work(block: int) -> Features:
            rng = np.random.default_rng([self._seed, _ROW_STREAM, number, block])
            part = rows[block * _ROW_BLOCK : (block + 1) * _ROW_BLOCK]
            return definition.normalise(colour(part, spec, fe, rng), fe)

        with ThreadPoolExecutor(self._workers or min(4, os.cpu_count() or 1)) as pool:
            return np.concatenate(list(pool.map(work, range(-(-len(rows) // _ROW_BLOCK)))))

    def _make(self, copy: int) -> NDArray[np.generic]:
        """The next of the copies that are made ahead; another one begins a new line of them."""
        if self._ahead is None or copy != self._next:
            self._ahead = epochs(
                self._pcm,
                self._augmentation,
                seed=self._seed,
                count=self._copies - copy,
                start=copy,
                workers=self._workers,
                base=self._base,
                transform=(
                    self._frontend.log_rows
                    if self._augmentation.rows.active
                    else self._frontend.features
                ),
            )
        self._next = copy + 1
        return next(self._ahead)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """All that training and quantization look at; the test split is not among it.

    Attributes:
        train: what weights are fitted to.
        validation: clean clips of speakers that are not trained on; chooses the epoch.
        calibration: clean training features, int8 (clips, frames, width), for activation ranges.
    """

    train: Source
    validation: Examples
    calibration: Features = field(repr=False)


def clean_examples(dataset: Dataset, split: str, frontend: HostFrontEnd) -> Examples:
    """Features of a split without augmentation, spot-checked against the NumPy definition.

    Raises:
        SpecError: the split is empty.
        AssertionError: the compiled front-end is not the defined one; a bug, or a broken compiler.
    """
    rows = dataset.split == split
    pcm, labels = dataset.pcm[rows], dataset.labels[rows]
    if not len(labels):
        raise SpecError(f"Split {split!r} must have clips. Received: none.")
    return Examples(checked_features(pcm, frontend), labels)


def checked_features(pcm: NDArray[np.int16], frontend: HostFrontEnd) -> Features:
    """`frontend.features`, of which a few clips are compared with `simulate.frontend`."""
    features = frontend.features(pcm)
    some = np.unique(np.linspace(0, len(pcm) - 1, _SPOT_CHECKS).astype(int))
    if not np.array_equal(features[some], definition.features(pcm[some], frontend.fe)):
        raise AssertionError("The C front-end differs from simulate.frontend; run its tests.")
    return features


def training_data(
    dataset: Dataset,
    frontend: FrontEnd | HostFrontEnd,
    augmentation: Augmentation,
    *,
    copies: int = 20,
    calibration_clips: int = 400,
    seed: int = 0,
    workers: int = 0,
    base: Path | str = ".",
) -> TrainingData:
    """Prepare a data set for `train.fit.fit` and `train.quantization.quantize`.

    Args:
        dataset: with clips in splits "train" and "val".
        frontend: the front-end, or its compiled form.
        augmentation: of the training clips.
        copies: augmented copies of each training clip.
        calibration_clips: evenly spaced training clips whose clean features go to calibration.
        seed: of the augmentation.
        workers: threads; 0 takes one per core.
        base: folder that a relative noise folder starts from.

    Raises:
        SpecError: an empty split.
    """
    host = frontend if isinstance(frontend, HostFrontEnd) else HostFrontEnd(frontend)
    pcm, labels = dataset.select("train")
    if not len(labels):
        raise SpecError("Split 'train' must have clips. Received: none.")
    some = np.unique(np.linspace(0, len(pcm) - 1, calibration_clips).astype(int))
    source = Augmented(
        pcm,
        labels,
        host,
        augmentation,
        copies=copies,
        seed=seed,
        workers=workers,
        base=base,
    )
    return TrainingData(
        source, clean_examples(dataset, "val", host), checked_features(pcm[some], host)
    )
