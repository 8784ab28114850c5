"""Accuracy on real speech: the numbers of docs/RESULTS.md.

    python benchmarks/accuracy.py arabic            # ds_cnn and cnn_digits, three seeds each
    python benchmarks/accuracy.py fsdd              # synthetic speech only, on all real clips
    python benchmarks/accuracy.py fsdd-speakers     # with three real speakers, on the fourth

Settings are those of the project files in examples/; the train functions are those of
`wakesmith build`. Needs the recordings beside the repository (../shared/speech) or at
WAKESMITH_SPEECH. One line of JSON per run goes to --out, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from simulate.hostfrontend import HostFrontEnd  # noqa: E402
from train.datasets import Dataset, load_spec  # noqa: E402
from train.evaluate import run_tflite, score, wilson  # noqa: E402
from train.features import Examples, TrainingData, clean_examples, training_data  # noqa: E402
from train.fit import fit, predictions  # noqa: E402
from train.keras import start  # noqa: E402
from train.models import ModelSpec, build_model  # noqa: E402
from train.quantization import quantize  # noqa: E402
from wakesmith.project import Project, load_project  # noqa: E402

EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Run:
    """One training run and what it scored on the test clips.

    `float_correct` is the trained float model, `reference_correct` the same weights as the int8
    model in float (after fine-tuning), `int8_correct` the generated C.
    """

    experiment: str
    model: str
    seed: int
    train_clips: int
    test_clips: int
    float_correct: int
    reference_correct: int
    int8_correct: int
    seconds: float


def project(name: str, **changes: Any) -> Project:
    """An example's project with other values in it."""
    return replace(load_project(EXAMPLES / name), **changes)


def speech() -> Path:
    """Where the recordings are."""
    return Path(os.environ.get("WAKESMITH_SPEECH", ROOT.parent / "shared" / "speech"))


def dataset(settings: Project, **source: Any) -> Dataset:
    """The project's clips; `source` changes the fields of its recorded source."""
    sources = tuple(
        replace(one, path=str(speech() / Path(one.path).name), **source)
        if one.kind == "index"
        else one
        for one in settings.data.sources
    )
    spec = replace(settings.data_spec(), sources=sources)
    return load_spec(spec, base=EXAMPLES, seed=settings.project.seed)


def untrained(settings: Project, clips: Dataset, seed: int) -> tuple[TrainingData, Examples, Any]:
    """What a network learns from, what it is tested on, and the network with fresh weights."""
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
    return data, test, model


def run(experiment: str, settings: Project, clips: Dataset, seed: int) -> Run:
    """Train, quantize, run as C."""
    begun = time.monotonic()
    data, test, model = untrained(settings, clips, seed)
    fit(model, data.train, data.validation, settings.train, seed=seed)
    exact = score(predictions(model, test.features), test.labels, clips.classes)
    result = quantize(
        model, data, settings.quantization, seed=seed, first_epoch=settings.train.epochs
    )
    reference = run_tflite(result.reference, test.features)
    int8 = run_tflite(result.tflite, test.features)  # the generated C
    return Run(
        experiment=experiment,
        model=settings.model.name,
        seed=seed,
        train_clips=data.train.size,
        test_clips=len(test),
        float_correct=exact.correct,
        reference_correct=score(reference, test.labels, clips.classes).correct,
        int8_correct=score(int8, test.labels, clips.classes).correct,
        seconds=round(time.monotonic() - begun, 1),
    )


def arabic(seeds: list[int], done: set[tuple[str, str, int]]) -> Iterator[Run]:
    """Ten Arabic digits: 18 speakers to learn from, 6 others to test."""
    settings = project("arabic_digits.toml")
    clips = dataset(settings)
    small = replace(settings, model=ModelSpec("cnn_digits"), train=cnn_fit(settings))
    for one in (settings, small):
        for seed in seeds:
            if ("arabic", one.model.name, seed) not in done:
                yield run("arabic", one, clips, seed)


def cnn_fit(settings: Project) -> Any:
    """Half the learning rate, which suits cnn_digits."""
    return replace(settings.train, learning_rate=settings.train.learning_rate / 2)


def fsdd(seeds: list[int], done: set[tuple[str, str, int]]) -> Iterator[Run]:
    """English digits: synthetic speech only, tested on every real clip."""
    settings = project("fsdd.toml")
    clips = dataset(settings)
    for seed in seeds:
        if ("fsdd", settings.model.name, seed) not in done:
            yield run("fsdd", settings, clips, seed)


def fsdd_speakers(seeds: list[int], done: set[tuple[str, str, int]]) -> Iterator[Run]:
    """English digits: synthetic speech and three real speakers, tested on the fourth.

    Recordings are heard twice, and speed changes help again: wide ones, which make deeper and
    higher voices of three people's.
    """
    settings = project("fsdd.toml")
    settings = replace(
        settings,
        augment=replace(settings.augment, speed_probability=0.8, speed_range=(0.8, 1.2)),
    )
    people = sorted({p.name.split("_")[0] for p in (speech() / "fsdd" / "zero").iterdir()})
    for speaker in people:
        name = f"fsdd without {speaker}"
        if all((name, settings.model.name, seed) in done for seed in seeds):
            continue
        others = tuple(p for p in people if p != speaker)
        clips = dataset(
            settings, assign="auto", train_speakers=others, test_speakers=(speaker,), repeat=2
        )
        for seed in seeds:
            if (name, settings.model.name, seed) not in done:
                yield run(name, settings, clips, seed)


EXPERIMENTS = {"arabic": arabic, "fsdd": fsdd, "fsdd-speakers": fsdd_speakers}


def table(runs: list[Run]) -> str:
    """Markdown: one line per experiment and model, means over seeds."""
    lines = [
        "| experiment | model | seeds | test clips | float | int8, float arithmetic | int8 as C "
        "(each seed) | mean | 95 % of one run |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((r.experiment, r.model) for r in runs):
        group = [r for r in runs if (r.experiment, r.model) == key]
        n = group[0].test_clips

        def percent(values: list[int], n: int = n) -> str:
            return f"{100 * statistics.mean(values) / n:.2f}"

        each = ", ".join(f"{100 * r.int8_correct / n:.2f}" for r in group)
        middle = round(statistics.mean(r.int8_correct for r in group))
        low, high = wilson(middle, n)
        lines.append(
            f"| {key[0]} | {key[1]} | {', '.join(str(r.seed) for r in group)} | {n} | "
            f"{percent([r.float_correct for r in group])} | "
            f"{percent([r.reference_correct for r in group])} | {each} | "
            f"{percent([r.int8_correct for r in group])} | {100 * low:.1f} to {100 * high:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the experiments named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("build/accuracy.jsonl"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    before = options.out.read_text().splitlines() if options.out.exists() else []
    runs = [Run(**json.loads(line)) for line in before]
    done = {(r.experiment, r.model, r.seed) for r in runs}
    for one in EXPERIMENTS[options.experiment](options.seeds, done):
        runs.append(one)
        with options.out.open("a") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        print(json.dumps(asdict(one)), flush=True)
    print(table([r for r in runs if r.experiment.startswith(options.experiment.split("-")[0])]))


if __name__ == "__main__":
    main()
