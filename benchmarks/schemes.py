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
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.accuracy import dataset  # noqa: E402
from benchmarks.scheme_runs import Float, Run, experiment, float_model, run, scheme  # noqa: E402
from benchmarks.scheme_tables import sensitivity_table, table  # noqa: E402
from convert.errors import UserError  # noqa: E402
from train.quantization import SCHEMES  # noqa: E402
from wakesmith.project import Project  # noqa: E402
from wakesmith.store import plain  # noqa: E402


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
