"""Quantize the trained model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from convert.errors import UserError
from convert.files import write_bytes
from convert.frontend import FrontEnd
from train.augment import Augmentation
from train.evaluate import layer_noise, run_tflite, score
from train.fit import FitSpec, predictions
from train.keras import start
from train.models import ModelSpec
from train.quantization import QuantizationSpec, quantize
from wakesmith.job import Job
from wakesmith.steps.train import MODEL, prepare, steps_told, untrained
from wakesmith.store import load_dataset, write_json

_NOISE_CLIPS = 64


def run(
    job: Job,
    scheme: QuantizationSpec,
    model: ModelSpec,
    spec: FitSpec,
    fe: FrontEnd,
    augmentation: Augmentation,
    seed: int,
    base: Path,
    jobs: int,
) -> None:
    """Write `model.tflite`, `float.tflite` (same operators, for SQNR) and `quantize.json`."""
    job.progress(0, 0, "loading TensorFlow")
    start(seed)
    job.progress(0, 0, "computing features")
    data = prepare(job, fe, augmentation, spec, seed, base, jobs)
    network = untrained(job, model, fe, base)
    network.load_weights(job.inputs["train"] / MODEL)
    told = steps_told(job.progress, "fine-tuning")
    result = quantize(network, data, scheme, seed=seed, first_epoch=spec.epochs, progress=told)
    write_bytes(job.out / "model.tflite", result.tflite)
    write_bytes(job.out / "float.tflite", result.reference)
    job.progress(0, 0, "measuring")
    whole = load_dataset(job.inputs["speech"])
    features = np.load(job.inputs["features"] / "features.npy", allow_pickle=False)
    test = whole.split == "test"
    if not test.any():
        raise UserError(
            "There must be test clips. Received: none. Give a source a test split "
            "(test_fraction, test_speakers or assign)."
        )
    labels = whole.labels[test]
    exact = score(predictions(network, features[test]), labels, whole.classes)
    found = score(run_tflite(result.tflite, features[test]), labels, whole.classes)
    noise = []
    if "c" in result.runs_on:
        some = features[np.flatnonzero(test)[:: max(1, int(test.sum()) // _NOISE_CLIPS)]]
        noise = [
            {"op_index": one.op, "sqnr_db": one.sqnr_db if math.isfinite(one.sqnr_db) else None}
            for one in layer_noise(result.tflite, result.reference, some)
        ]
    history = result.history
    write_json(
        job.out / "quantize.json",
        {
            "scheme": scheme.scheme,
            "runs_on": result.runs_on,
            "notes": result.notes,
            "epochs": history.epochs if history else (),
            "best": history.best if history else -1,
            "float": {"correct": exact.correct, "total": exact.total},
            "quantized": {"correct": found.correct, "total": found.total},
            "confusion": found.confusion.tolist(),
            "sqnr": noise,
        },
    )
