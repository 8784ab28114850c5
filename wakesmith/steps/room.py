"""Measure what a budget of flash leaves for weights, before they are given their bits."""

from __future__ import annotations

from train.quantization import DistilledInt8, QuantizationSpec
from train.quantization.mixed import Mixed
from wakesmith.job import Job
from wakesmith.room import Room
from wakesmith.steps.train import Learning
from wakesmith.store import write_json


def run(job: Job, room: Room, scheme: QuantizationSpec, learning: Learning) -> None:
    """Write `room.json`: bytes for weights and their tables.

    Raises:
        SpecError: see `Room.for_weights`.
    """
    learning.begin(job)
    data = learning.data(job)
    network = learning.trained(job)
    job.progress(0, 0, "linking images until one fits")
    mixed = scheme.student if isinstance(scheme, DistilledInt8) else scheme
    assert isinstance(mixed, Mixed)
    left = room.for_weights(mixed, network, data, learning.fe)
    write_json(job.out / "room.json", {"flash": room.flash, "weight_bytes": left})
