"""Quantize each part of each layer of the float model alone, and measure."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from convert.files import write_text
from train.features import Examples
from train.fit import predictions
from train.sensitivity import sensitivity
from wakesmith.clips import load_dataset
from wakesmith.job import Job
from wakesmith.sensing.page import render
from wakesmith.sensing.results import Measured, Sensitivity
from wakesmith.steps.train import Learning
from wakesmith.store import write_json


def run(job: Job, name: str, split: Literal["val", "test"], learning: Learning) -> None:
    """Write `sensitivity.json`, `sensitivity.csv` and `sensitivity.html`."""
    learning.begin(job)
    network = learning.trained(job)
    calibration = learning.data(job).calibration
    examples = _examples(job, split)
    right = predictions(network, examples.features).argmax(axis=1) == examples.labels
    found = sensitivity(
        network,
        examples,
        calibration,
        progress=lambda done, total: job.progress(done, total, "one part of one layer at a time"),
    )
    result = Sensitivity(
        name=name,
        model=learning.model.name,
        split=split,
        total=len(examples),
        float_correct=int(right.sum()),
        rows=tuple(_measured(one) for one in found),
    )
    write_json(job.out / "sensitivity.json", result)
    write_text(job.out / "sensitivity.csv", result.csv())
    write_text(job.out / "sensitivity.html", render(result))


def _examples(job: Job, split: str) -> Examples:
    """Clean features of a split; the speech stage has seen to it that there are some."""
    data = load_dataset(job.inputs["speech"])
    rows = data.split == split
    features = np.load(job.inputs["features"] / "features.npy", allow_pickle=False)
    return Examples(features[rows], data.labels[rows])


def _measured(one: Any) -> Measured:
    def finite(value: float) -> float | None:
        return round(value, 3) if math.isfinite(value) else None

    return Measured(
        one.layer,
        one.part,
        one.method,
        one.correct,
        finite(one.sqnr_db),
        finite(one.logits_sqnr_db),
        one.weights,
    )
