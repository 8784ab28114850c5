"""Small features that a small network can learn: each class is a bright band, with noise."""

from __future__ import annotations

import numpy as np

from train.features import Examples, Fixed, TrainingData

SHAPE = (16, 12)
CLASSES = 3


def examples(count: int, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.int32)
    features = rng.integers(-128, -60, (count, *SHAPE))
    for row, label in enumerate(labels):
        features[row, :, 4 * label : 4 * label + 3] += rng.integers(60, 180)
    return Examples(np.clip(features, -128, 127).astype(np.int8), labels)


def tiny_data(count: int = 96) -> TrainingData:
    train = examples(count, 1)
    return TrainingData(Fixed(train), examples(30, 2), train.features[:64])
