"""One scheme with one seed on real speech, from the float model to the emulated core."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import cnn_fit, project, untrained
from convert.emit_frontend import emit_frontend
from convert.errors import UserError
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from simulate.cortexm import CortexMBackend
from simulate.hostlib import HostBackend
from simulate.listening import listening_sources
from simulate.reference import ReferenceBackend
from train.evaluate import run_tflite
from train.features import Examples, TrainingData
from train.fit import fit, predictions
from train.models import ModelSpec
from train.paired import pair
from train.quantization import SCHEMES, Quantized, quantize
from wakesmith.built import Shaped
from wakesmith.project import Project
from wakesmith.proving import prove_layers, spread_rows
from wakesmith.schema import build, tomllib
from wakesmith.sizes import file_weight_bytes, weight_bytes, zero_share
from wakesmith.steps.convert import generate
from wakesmith.store import plain


@dataclass(frozen=True)
class Run:
    """One scheme with one seed.

    Attributes:
        experiment: network and features, e.g. "ds_cnn" or "cnn_digits, mfcc".
        label: the scheme with its options, as given.
        runs_on: engines.
        correct: test clips that the quantized model gets right; `float_correct` the float one.
        lost, won: clips that only the float or only the quantized model gets right.
        zeros: share of zero weights.
        weights: bytes of weights: flash with code books for C, else in the file.
        constants: flash of all the model's arrays, biases and scales included; 0 without C.
        flash, ram: bytes of the whole firmware; 0 without C.
        instructions: per inference on the emulated Cortex-M4; 0 without C.
        proven: test clips compared byte for byte; `mismatches` bytes differ.
    """

    experiment: str
    label: str
    seed: int
    runs_on: list[str]
    train_clips: int
    test_clips: int
    float_correct: int
    correct: int
    lost: int
    won: int
    zeros: float
    tflite: int
    weights: int
    constants: int
    flash: int
    ram: int
    instructions: int
    proven: int
    mismatches: int
    seconds: float
    notes: list[str]


@dataclass(frozen=True, eq=False)
class Float:
    """The float model of one seed with its data and what it gets right."""

    settings: Project
    seed: int
    data: TrainingData
    test: Examples
    classes: tuple[str, ...]
    model: Any
    right: np.ndarray

    @property
    def correct(self) -> int:
        """Test clips that it gets right."""
        return int(self.right.sum())


def scheme(text: str, settings: Project) -> Any:
    """A scheme from its name, which options may follow: "log4 epochs=8" (TOML, no blanks inside).

    Options that are not given are the project file's where it has the same scheme.

    Raises:
        UserError: unknown scheme or option.
    """
    name, _, rest = text.partition(" ")
    if name not in SCHEMES:
        raise UserError(f"--schemes must be among {', '.join(SCHEMES)}. Received: {name}.")
    given = tomllib.loads("\n".join(rest.split()))
    before = plain(settings.quantization) if settings.quantization.scheme == name else {}
    return build(SCHEMES[name], {**before, "scheme": name, **given}, text)


def experiment(model: str, mfcc: bool, epochs: int | None) -> tuple[str, Project]:
    """Name and settings of one network with one kind of features."""
    settings = project("arabic_digits.toml")
    name = model
    if model != settings.model.name:
        settings = replace(settings, model=ModelSpec(model))
    if model == "cnn_digits":
        settings = replace(settings, train=cnn_fit(settings))
    if mfcc:
        # A hidden band is one of 40; a hidden coefficient would be one of 10.
        settings = replace(
            settings,
            frontend=replace(settings.frontend, kind="mfcc"),
            augment=replace(settings.augment, band_masks=0),
        )
        name += f", {settings.frontend.coefficients} mfcc"
    if epochs is not None:
        warm = min(settings.train.warmup_epochs, epochs / 2)
        settings = replace(
            settings, train=replace(settings.train, epochs=epochs, warmup_epochs=warm)
        )
        name += f", {epochs} epochs"
    return name, settings


def float_model(settings: Project, clips: Any, seed: int, folder: Path) -> Float:
    """Train the float model of one seed, or load it."""
    data, test, model = untrained(settings, clips, seed)
    about = plain(replace(settings, quantization=SCHEMES["float32"]()))
    key = json.dumps([about, seed, clips.hash()], sort_keys=True)
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.weights.h5"
    if file.is_file():
        model.load_weights(file)
    else:
        begun = time.monotonic()
        fit(model, data.train, data.validation, settings.train, seed=seed)
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"part-{file.name}")
        model.save_weights(part)
        part.replace(file)
        print(f"float model of seed {seed}: {time.monotonic() - begun:.0f} s", flush=True)
    right = predictions(model, test.features).argmax(axis=1) == test.labels
    return Float(settings, seed, data, test, clips.classes, model, right)


def run(name: str, label: str, exact: Float, prove: int) -> Run:
    """Quantize, score, build, compare."""
    begun = time.monotonic()
    spec = scheme(label, exact.settings)
    result = quantize(
        exact.model,
        exact.data,
        spec,
        seed=exact.seed,
        first_epoch=exact.settings.train.epochs,
    )
    engine = "host" if "c" in result.runs_on else "litert"
    outputs = run_tflite(result.tflite, exact.test.features, engine=engine)
    right = outputs.argmax(axis=1) == exact.test.labels
    parted = pair(exact.right, right)
    costs = {"weights": file_weight_bytes(result.tflite), "constants": 0, "flash": 0, "ram": 0}
    costs |= {"instructions": 0, "proven": 0, "mismatches": 0}
    if engine == "host":
        costs = on_chip(result, exact, prove)
    return Run(
        experiment=name,
        label=label,
        seed=exact.seed,
        runs_on=list(result.runs_on),
        train_clips=exact.data.train.size,
        test_clips=len(exact.test),
        float_correct=exact.correct,
        correct=int(right.sum()),
        lost=parted.lost,
        won=parted.won,
        zeros=round(zero_share(result.tflite), 4),
        tflite=len(result.tflite),
        seconds=round(time.monotonic() - begun, 1),
        notes=list(result.notes),
        **costs,
    )


def on_chip(result: Quantized, exact: Float, prove: int) -> dict[str, int]:
    """Sizes of the firmware and the proof of some test clips."""
    settings = exact.settings
    generated = generate(result.tflite, exact.classes, settings.frontend, settings.samples)
    graph = read(result.tflite)
    with tempfile.TemporaryDirectory() as folder:
        image = build_application(
            generated.files,
            emit_frontend(settings.frontend),
            load_board(settings.firmware.board),
            listening=listening_sources(
                graph, exact.classes, settings.frontend, settings.samples, vectors=False
            ),
            out_dir=Path(folder),
            kernels=generated.kernels,
        )
        chip = CortexMBackend(image, generated)
        rows = spread_rows(np.arange(len(exact.test)), prove)
        some = exact.test.features[rows]
        outcome = prove_layers(
            {
                "reference": Shaped(ReferenceBackend(graph), graph),
                "host": Shaped(HostBackend(generated), graph),
                "cortex-m": Shaped(chip, graph),
            },
            graph,
            some,
        )
        silence = np.zeros((settings.samples,), np.int16)
        profile = chip.profile(silence)
    constants = [(s.name, s.size) for s in image.symbols if s.place == "constant"]
    return {
        "weights": weight_bytes([(s.op_index, s.kind) for s in generated.layers], constants),
        "constants": generated.flash_bytes,
        "flash": image.flash_bytes,
        "ram": image.ram_bytes + image.stack_bytes,
        "instructions": profile.model,
        "proven": len(rows),
        "mismatches": outcome.proof.mismatches,
    }
