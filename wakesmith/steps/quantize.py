"""Quantize the trained model."""

from __future__ import annotations

from dataclasses import replace

from convert.files import write_bytes
from train.quantization import DistilledInt8, Mixed, QuantizationSpec, quantize
from wakesmith.job import Job
from wakesmith.steps.train import Learning, steps_told
from wakesmith.store import read_json, write_json


def chooses(scheme: QuantizationSpec) -> bool:
    """Whether a scheme fits its weights into a number of bytes that the user has not given."""
    inner = scheme.student if isinstance(scheme, DistilledInt8) else scheme
    return isinstance(inner, Mixed) and not inner.weight_bytes


def fitted(scheme: QuantizationSpec, weight_bytes: int) -> QuantizationSpec:
    """A scheme that `chooses`, with its number of bytes."""
    if isinstance(scheme, DistilledInt8):
        return replace(scheme, student=fitted(scheme.student, weight_bytes))
    assert isinstance(scheme, Mixed)
    return replace(scheme, weight_bytes=weight_bytes)


def run(job: Job, scheme: QuantizationSpec, learning: Learning) -> None:
    """Write `model.tflite`, `float.tflite` (same operators, for comparison), `quantize.json`.

    After a stage `room` the scheme fits the weights into what the budget of flash leaves for them.
    """
    learning.begin(job)
    job.progress(0, 0, "computing features")
    data = learning.data(job)
    network = learning.trained(job)
    told = steps_told(job.progress, "fine-tuning")
    if isinstance(scheme, DistilledInt8):
        scheme = scheme.located(learning.base)
    if "room" in job.inputs:
        left = read_json(job.inputs["room"] / "room.json")["weight_bytes"]
        scheme = fitted(scheme, left)
    result = quantize(
        network,
        data,
        scheme,
        seed=learning.seed,
        first_epoch=learning.spec.epochs,
        progress=told,
    )
    write_bytes(job.out / "model.tflite", result.tflite)
    write_bytes(job.out / "float.tflite", result.reference)
    history = result.history
    write_json(
        job.out / "quantize.json",
        {
            "scheme": scheme.scheme,
            "runs_on": result.runs_on,
            "notes": result.notes,
            "epochs": history.epochs if history else (),
            "kept": history.kept if history else -1,
        },
    )
