"""Measure what a budget of flash leaves for weights, before they are given their bits."""

from __future__ import annotations

from pathlib import Path

from convert.frontend import FrontEnd
from train.augment import Augmentation
from train.fit import FitSpec
from train.keras import start
from train.models import ModelSpec
from train.quantization import DistilledInt8, QuantizationSpec
from train.quantization.mixed import Mixed
from wakesmith.job import Job
from wakesmith.room import Room
from wakesmith.steps.train import MODEL, prepare, untrained
from wakesmith.store import write_json


def run(
    job: Job,
    room: Room,
    scheme: QuantizationSpec,
    model: ModelSpec,
    spec: FitSpec,
    fe: FrontEnd,
    augmentation: Augmentation,
    seed: int,
    base: Path,
    jobs: int,
) -> None:
    """Write `room.json`: bytes for weights and their tables.

    Raises:
        SpecError: see `Room.for_weights`.
    """
    job.progress(0, 0, "loading TensorFlow")
    start(seed)
    data = prepare(job, fe, augmentation, spec, seed, base, jobs)
    network = untrained(job, model, fe, base)
    network.load_weights(job.inputs["train"] / MODEL)
    job.progress(0, 0, "linking images until one fits")
    mixed = scheme.student if isinstance(scheme, DistilledInt8) else scheme
    assert isinstance(mixed, Mixed)
    left = room.for_weights(mixed, network, data, fe)
    write_json(job.out / "room.json", {"flash": room.flash, "weight_bytes": left})
