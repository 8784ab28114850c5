"""Measure the float and the quantized model on the test set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from simulate.backend import Trace, windows
from simulate.hostlib import HostBackend
from train.evaluate import TfliteEngine, layer_noise, run_tflite, score
from train.fit import predictions
from train.keras import start
from train.models import ModelSpec
from wakesmith.clips import load_dataset
from wakesmith.job import Job
from wakesmith.steps.train import MODEL, untrained
from wakesmith.store import read_json, write_json

_NOISE_CLIPS = 64


def run(job: Job, model: ModelSpec, fe: FrontEnd, base: Path) -> None:
    """Write `evaluate.json`: accuracy before and after quantization, confusions, SQNR by layer.

    `right` says of every test clip, in order, whether it was recognised: "1", else "0".
    """
    data = load_dataset(job.inputs["speech"])
    test = data.split == "test"
    if not test.any():
        raise UserError(
            "There must be test clips. Received: none. Give a source a test split "
            "(test_fraction, test_speakers or assign)."
        )
    features = np.load(job.inputs["features"] / "features.npy", allow_pickle=False)
    labels = data.labels[test]
    job.progress(0, 3, "float model")
    start(0)
    network = untrained(job, model, fe, base)
    network.load_weights(job.inputs["train"] / MODEL)
    exact_outputs = predictions(network, features[test])
    exact = score(exact_outputs, labels, data.classes)
    job.progress(1, 3, "quantized model")
    tflite = (job.inputs["quantize"] / "model.tflite").read_bytes()
    runs_on = read_json(job.inputs["quantize"] / "quantize.json")["runs_on"]
    engine: TfliteEngine = "host" if "c" in runs_on else "litert"
    outputs = run_tflite(tflite, features[test], engine=engine)
    found = score(outputs, labels, data.classes)
    job.progress(2, 3, "noise of each layer")
    noise = []
    if "c" in runs_on:
        reference = (job.inputs["quantize"] / "float.tflite").read_bytes()
        some = features[np.flatnonzero(test)[:: max(1, int(test.sum()) // _NOISE_CLIPS)]]
        noise = [
            {"op_index": one.op, "sqnr_db": one.sqnr_db if math.isfinite(one.sqnr_db) else None}
            for one in layer_noise(tflite, reference, some, trace=_trace(tflite, some, runs_on))
        ]
    write_json(
        job.out / "evaluate.json",
        {
            "float": {"correct": exact.correct, "total": exact.total},
            "quantized": {"correct": found.correct, "total": found.total},
            "confusion": found.confusion.tolist(),
            "sqnr": noise,
            "right": {
                "float": _right(exact_outputs, labels),
                "quantized": _right(outputs, labels),
            },
        },
    )


def _right(outputs: NDArray[np.generic], labels: NDArray[np.integer]) -> str:
    """A sign per clip; the first of equal outputs wins, as in `score`."""
    return "".join("1" if right else "0" for right in outputs.argmax(axis=1) == labels)


def _trace(tflite: bytes, features: NDArray[np.int8], runs_on: Sequence[str]) -> Trace | None:
    """Of the generated C, where TFLite Micro, which shows more tensors, cannot run the model."""
    if "tflm" in runs_on:
        return None
    graph = read(tflite)
    inputs = windows(features, graph.tensors[graph.inputs[0]].shape)
    return HostBackend.from_graph(graph).run(inputs)
