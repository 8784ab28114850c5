"""Quantization schemes on real speech: the numbers of docs/QUANTIZATION.md and docs/RESULTS.md.

    python benchmarks/schemes.py --schemes qat_int8 log4 --seeds 0 1 2 --out build/schemes.jsonl
    python benchmarks/schemes.py --schemes "log4 epochs=8" "distilled_int8 student='log4'"
    python benchmarks/schemes.py --model cnn_digits --mfcc --schemes qat_int8 log4
    python benchmarks/schemes.py sensitivity --seeds 0 --out build/sensitivity.jsonl

Ten Arabic digits, speakers of the test set not among those of training; settings are those of
examples/arabic_digits.toml. The float model is trained once per seed and kept beside --out; every
scheme starts from it and is scored as it would run: as generated C where it has that, else by
LiteRT. The firmware of a model that runs as C is built for its size, and some clips are compared
byte for byte between the reference interpreter, the C on this machine and the emulated core. One
line of JSON per run goes to --out, so that a run that was stopped goes on. Needs the recordings
beside the repository (../shared/speech) or at WAKESMITH_SPEECH.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.accuracy import EXAMPLES, cnn_fit, dataset, project  # noqa: E402
from convert.emit_frontend import emit_frontend  # noqa: E402
from convert.errors import UserError  # noqa: E402
from firmware.application import build_application  # noqa: E402
from firmware.board import load_board  # noqa: E402
from simulate.cortexm import CortexMBackend  # noqa: E402
from simulate.hostfrontend import HostFrontEnd  # noqa: E402
from simulate.listening import listening_sources  # noqa: E402
from train.evaluate import run_tflite  # noqa: E402
from train.features import Examples, TrainingData, clean_examples, training_data  # noqa: E402
from train.fit import fit, predictions  # noqa: E402
from train.keras import start  # noqa: E402
from train.models import ModelSpec, build_model  # noqa: E402
from train.paired import Paired, pair  # noqa: E402
from train.quantization import SCHEMES, Quantized, quantize  # noqa: E402
from wakesmith.built import Shaped  # noqa: E402
from wakesmith.project import Project  # noqa: E402
from wakesmith.proving import prove_layers, spread_rows  # noqa: E402
from wakesmith.schema import build, tomllib  # noqa: E402
from wakesmith.sizes import file_weight_bytes, weight_bytes, zero_share  # noqa: E402
from wakesmith.steps.convert import generate  # noqa: E402
from wakesmith.store import plain  # noqa: E402


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
    front = HostFrontEnd(settings.frontend)
    data = training_data(
        clips,
        front,
        settings.augment,
        copies=min(settings.train.copies, settings.train.epochs),
        seed=seed,
    )
    test = clean_examples(clips, "test", front)
    shape = (test.features.shape[1], test.features.shape[2])
    start(seed)
    model = build_model(settings.model, shape, len(clips.classes), folder=EXAMPLES)
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
    from convert.tflite_reader import read
    from simulate.hostlib import HostBackend
    from simulate.reference import ReferenceBackend

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


def table(runs: list[Run]) -> str:
    """Markdown: one line per network and scheme, means over seeds."""
    lines = [
        "| model | scheme | seeds | test clips | float | quantized (each seed) | mean "
        "| points lost | McNemar p (lost, won) | zeros | .tflite | weights | flash | RAM "
        "| instructions | mismatches |",
        "|" + "---|" * 16,
    ]
    for key in dict.fromkeys((r.experiment, r.label) for r in runs):
        group = sorted((r for r in runs if (r.experiment, r.label) == key), key=lambda r: r.seed)
        n = group[0].test_clips
        before = 100 * statistics.mean(r.float_correct for r in group) / n
        after = 100 * statistics.mean(r.correct for r in group) / n
        parted = sum((Paired(r.lost, r.won) for r in group), Paired(0, 0))

        def mean(name: str, group: list[Run] = group) -> str:
            value = round(statistics.mean(getattr(r, name) for r in group))
            return f"{value:,}" if value else ""

        each = ", ".join(f"{100 * r.correct / n:.2f}" for r in group)
        proven = sum(r.proven for r in group)
        lines.append(
            f"| {key[0]} | {key[1]} | {', '.join(str(r.seed) for r in group)} | {n} | "
            f"{before:.2f} | {each} | {after:.2f} | {before - after:+.2f} | "
            f"{parted.p_value:.3g} ({parted.lost}, {parted.won}) | "
            f"{100 * statistics.mean(r.zeros for r in group):.1f} % | {mean('tflite')} | "
            f"{mean('weights')} | {mean('flash')} | {mean('ram')} | {mean('instructions')} | "
            f"{f'{sum(r.mismatches for r in group)} in {proven} clips' if proven else ''} |"
        )
    return "\n".join(lines)


def compare(options: argparse.Namespace) -> None:
    """Run what is not in --out yet, seed by seed, and print the table."""
    name, settings = experiment(options.model, options.mfcc, options.epochs)
    labels = options.schemes or list(SCHEMES)
    for label in labels:
        scheme(label, settings)  # a mistake is told before the first hour
    runs = [Run(**json.loads(line)) for line in lines_of(options.out)]
    done = {(r.experiment, r.label, r.seed) for r in runs}
    for exact, missing in todo(name, settings, labels, done, options):
        for label in missing:
            one = run(name, label, exact, options.prove)
            runs.append(one)
            with options.out.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
            print(json.dumps(asdict(one)), flush=True)
    print(table([r for r in runs if r.label in labels and r.seed in options.seeds]))


def todo(
    name: str,
    settings: Project,
    labels: list[str],
    done: set[tuple[str, str, int]],
    options: argparse.Namespace,
) -> Iterator[tuple[Float, list[str]]]:
    """Float models of the seeds that have anything missing, and what is missing."""
    clips = None
    for seed in options.seeds:
        missing = [label for label in labels if (name, label, seed) not in done]
        if missing:
            clips = clips or dataset(settings)
            yield float_model(settings, clips, seed, options.out.parent / "float"), missing


def sensitivity(options: argparse.Namespace) -> None:
    """Each layer's weights, bias and activations quantized alone, on the test clips."""
    from train.sensitivity import sensitivity as measure

    name, settings = experiment(options.model, options.mfcc, options.epochs)
    rows = [json.loads(line) for line in lines_of(options.out)]
    done = {(row["experiment"], "", row["seed"]) for row in rows}
    for exact, _ in todo(name, settings, [""], done, options):
        found = measure(exact.model, exact.test, exact.data.calibration)
        new = [
            {
                "experiment": name,
                "seed": exact.seed,
                "float_correct": exact.correct,
                **plain(one),
            }
            for one in found
        ]
        rows += new
        with options.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in new)
    print(sensitivity_table([r for r in rows if r["seed"] in options.seeds]))


def sensitivity_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: points lost and SQNR, means over seeds."""
    lines = [
        "| model | layer | part | method | weights | points lost | SQNR, dB |",
        "|" + "---|" * 7,
    ]
    for key in dict.fromkeys((r["experiment"], r["layer"], r["part"], r["method"]) for r in rows):
        group = [r for r in rows if (r["experiment"], r["layer"], r["part"], r["method"]) == key]
        lost = statistics.mean(
            100 * (r["float_correct"] - r["correct"]) / r["total"] for r in group
        )
        finite = [r["sqnr_db"] for r in group if math.isfinite(r["sqnr_db"])]
        noise = statistics.mean(finite) if finite else math.inf
        lines.append(f"| {' | '.join(key)} | {group[0]['weights']:,} | {lost:+.2f} | {noise:.1f} |")
    return "\n".join(lines)


def lines_of(path: Path) -> list[str]:
    """Lines of a file, none when there is no file; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.read_text().splitlines() if path.exists() else []


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", nargs="?", choices=("schemes", "sensitivity"), default="schemes", metavar="WHAT",
        help="schemes (default) or sensitivity",
    )  # fmt: skip
    parser.add_argument(
        "--schemes", nargs="+", metavar="SCHEME",
        help="names, or in quotes with options: 'log4 alpha=1.0'; all with defaults unless given",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", default="ds_cnn", help="network of the zoo")
    parser.add_argument("--mfcc", action="store_true", help="10 MFCC instead of 40 mel bands")
    parser.add_argument("--prove", type=int, default=20, help="test clips in the emulator")
    parser.add_argument("--epochs", type=int, help="of training, for a quick try")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.out = options.out or Path(f"build/{options.what}.jsonl")
    try:
        (sensitivity if options.what == "sensitivity" else compare)(options)
    except UserError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
