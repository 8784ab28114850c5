"""Train the float model."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.files import write_bytes
from convert.frontend import FrontEnd
from train.augment import Augmentation
from train.features import TrainingData, training_data
from train.fit import FitSpec, Step, fit
from train.keras import start
from train.models import ModelSpec, build_model
from wakesmith.clips import load_dataset
from wakesmith.job import Job, Progress
from wakesmith.store import write_json

MODEL = "model.keras"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Learning:
    """What training, and all that goes on from a trained network, learns with.

    Attributes:
        model: the network.
        spec: how it is trained.
        fe: the front-end.
        augmentation: of the clips.
        seed: of everything drawn.
        base: folder that relative paths in the project file start from.
        jobs: worker processes, 0 for one per core.
    """

    model: ModelSpec
    spec: FitSpec
    fe: FrontEnd
    augmentation: Augmentation
    seed: int
    base: Path
    jobs: int

    def begin(self, job: Job) -> None:
        """Load TensorFlow and sow the seed."""
        job.progress(0, 0, "loading TensorFlow")
        start(self.seed)

    def data(self, job: Job) -> TrainingData:
        """What `fit` and `quantize` learn from; the same for the same seed."""
        return training_data(
            load_dataset(job.inputs["speech"]),
            self.fe,
            self.augmentation,
            copies=min(self.spec.copies, self.spec.epochs),
            seed=self.seed,
            workers=self.jobs,
            base=self.base,
        )

    def trained(self, job: Job) -> Any:
        """The network as the stage `train` left it."""
        network = untrained(job, self.model, self.fe, self.base)
        network.load_weights(job.inputs["train"] / MODEL)
        return network


def untrained(job: Job, model: ModelSpec, fe: FrontEnd, base: Path) -> Any:
    """The network with fresh weights, for the data set's classes and clip length."""
    data = load_dataset(job.inputs["speech"])
    shape = (fe.frames(data.pcm.shape[1]), fe.width)
    return build_model(model, shape, len(data.classes), folder=base)


def steps_told(progress: Progress, what: str) -> Any:
    """A progress callback for `fit`."""

    def tell(step: Step) -> None:
        done = step.epoch * step.steps + step.step
        text = (
            f"{step.phase or what}: epoch {step.epoch + 1} of {step.epochs}, loss {step.loss:.3f}"
        )
        if step.validation_accuracy is not None:
            text += f", validation {100 * step.validation_accuracy:.1f} %"
        progress(done, step.epochs * step.steps, text)

    return tell


def run(job: Job, learning: Learning) -> None:
    """Write `model.keras` and `history.json`."""
    learning.begin(job)
    job.progress(0, 0, "computing features")
    data = learning.data(job)
    network = untrained(job, learning.model, learning.fe, learning.base)
    told = steps_told(job.progress, "training")
    history = fit(
        network, data.train, data.validation, learning.spec, seed=learning.seed, progress=told
    )
    save_model(network, job.out / MODEL)
    write_json(job.out / "history.json", {"epochs": history.epochs, "kept": history.kept})


def save_model(model: Any, path: Path) -> None:
    """Save a Keras model without the dates that Keras puts in: same model, same bytes."""
    model.save(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        for name in sorted(source.namelist()):
            data = source.read(name)
            if name == "metadata.json":
                about = {k: v for k, v in json.loads(data).items() if k != "date_saved"}
                data = json.dumps(about, sort_keys=True).encode()
            target.writestr(zipfile.ZipInfo(name, _EARLIEST), data)
    write_bytes(path, packed.getvalue())
