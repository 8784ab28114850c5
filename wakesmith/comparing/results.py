"""What a comparison has found out, as plain data, and how it is gathered from the stages."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware.board import load_board
from train.evaluate import wilson
from train.paired import Paired, pair
from wakesmith.comparing.entries import Entry
from wakesmith.comparing.line import foresee_stage, run_stage
from wakesmith.project import Project
from wakesmith.sizes import file_weight_bytes, weight_bytes, zero_share
from wakesmith.store import plain, read_json

Place = Callable[[str], Path]


@dataclass(frozen=True)
class Run:
    """One scheme with one seed; what only the chip has is 0 for a model that does not run as C.

    Attributes:
        seed: of training and quantization.
        correct: test clips that are recognised.
        float_correct: of the float model that it was made from.
        lost: clips that only the float model recognises.
        won: clips that only the quantized model recognises.
        zeros: share of the weights that are zero.
        tflite: bytes of the file.
        weights: bytes of weights: in flash, code books included, or in the file.
        flash: bytes of the whole firmware.
        arena: bytes of RAM for the model's activations.
        ram: bytes of all RAM, the reserved stack included.
        stack: most bytes of stack that were in use.
        instructions: per inference on the emulated core, the model only.
        emulated: test clips that ran through the emulated firmware.
        compared: bytes compared between back ends.
        mismatches: bytes that differ.
        first: where the first difference is.
    """

    seed: int
    correct: int
    float_correct: int
    lost: int
    won: int
    zeros: float
    tflite: int
    weights: int
    flash: int = 0
    arena: int = 0
    ram: int = 0
    stack: int = 0
    instructions: int = 0
    emulated: int = 0
    compared: int = 0
    mismatches: int = 0
    first: str = ""


@dataclass(frozen=True)
class Row:
    """One scheme.

    Attributes:
        label: what it is called.
        options: all of its options.
        total: test clips.
        runs: one per seed that came to an end.
        runs_on: engines: "c", "tflm", "litert".
        notes: what the user should know, a sentence each.
        refused: why a seed, or the scheme as a whole, could not be done; "" when all went well.
    """

    label: str
    options: Mapping[str, Any]
    total: int = 0
    runs: tuple[Run, ...] = ()
    runs_on: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""

    @property
    def accuracy(self) -> float:
        """Mean over seeds, 0 to 1; NaN without a run."""
        if not self.runs:
            return math.nan
        return statistics.mean(run.correct for run in self.runs) / self.total

    @property
    def float_accuracy(self) -> float:
        """Of the float models that it was made from, mean over seeds."""
        if not self.runs:
            return math.nan
        return statistics.mean(run.float_correct for run in self.runs) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of one run that gets the mean number of clips right."""
        return wilson(round(self.accuracy * self.total), self.total)

    @property
    def paired(self) -> Paired:
        """Clips on which it parts from the float model, summed over seeds."""
        return sum((Paired(run.lost, run.won) for run in self.runs), Paired(0, 0))

    @property
    def mismatches(self) -> int:
        """Differing bytes, summed over seeds."""
        return sum(run.mismatches for run in self.runs)

    def most(self, name: str) -> int:
        """The largest value over the seeds, which is what has to fit."""
        return max((int(getattr(run, name)) for run in self.runs), default=0)


@dataclass(frozen=True)
class Comparison:
    """All of it.

    Attributes:
        name: of the project.
        model: the network.
        board: e.g. "mps2-an386".
        core: e.g. "Cortex-M4".
        labels: what the model tells apart.
        test_clips: clips of the test split, the same for all.
        seeds: of training and quantization.
        rows: one per scheme, the baseline first.
        budget: limit name -> what the project file allows.
    """

    name: str
    model: str
    board: str
    core: str
    labels: tuple[str, ...]
    test_clips: int
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    budget: Mapping[str, int] = field(default_factory=dict)

    def over(self, row: Row) -> tuple[str, ...]:
        """Limits of the budget that a scheme exceeds with some seed."""
        return tuple(name for name, most in self.budget.items() if row.most(name) > most)

    @property
    def mismatches(self) -> int:
        """Differing bytes over all schemes and seeds."""
        return sum(row.mismatches for row in self.rows)


def gather(
    place: Place,
    project: Project,
    entries: Sequence[Entry],
    seeds: Sequence[int],
    refused: Mapping[str, str],
) -> Comparison:
    """Read what the stages left.

    Args:
        place: name of a stage -> its folder.
        project: the project file.
        entries: candidates.
        seeds: of the runs.
        refused: stage -> why it was not done.
    """
    board = load_board(project.firmware.board)
    rows = tuple(_row(place, entry, seeds, refused) for entry in entries)
    return Comparison(
        name=project.project.name,
        model=project.model.name,
        board=board.name,
        core="Cortex-" + board.core.name.removeprefix("cortex-").upper(),
        labels=project.labels,
        test_clips=max((row.total for row in rows), default=0),
        seeds=tuple(seeds),
        rows=rows,
        budget=project.budget.limits,
    )


def _row(place: Place, entry: Entry, seeds: Sequence[int], refused: Mapping[str, str]) -> Row:
    why = refused.get(foresee_stage(entry.label), "")
    runs: list[Run] = []
    total, runs_on, notes = 0, (), dict[str, None]()
    for seed in seeds:
        stages = {
            stage: run_stage(entry.label, seed, stage)
            for stage in ("room", "quantize", "evaluate", "convert", "firmware", "verify")
        }
        why = why or next((refused[s] for s in stages.values() if s in refused), "")
        if why and any(stages[name] in refused for name in ("room", "quantize", "evaluate")):
            continue
        if foresee_stage(entry.label) in refused:
            continue
        quantized = read_json(place(stages["quantize"]) / "quantize.json")
        runs_on = tuple(quantized["runs_on"])
        notes |= dict.fromkeys(quantized["notes"])
        run, total = _run(place, stages, seed, "c" in runs_on, refused)
        runs.append(run)
    return Row(
        label=entry.label,
        options=plain(entry.spec),
        total=total,
        runs=tuple(runs),
        runs_on=runs_on,
        notes=tuple(notes),
        refused=why,
    )


def _run(
    place: Place, stages: Mapping[str, str], seed: int, as_c: bool, refused: Mapping[str, str]
) -> tuple[Run, int]:
    """One run, and the number of test clips."""
    measured = read_json(place(stages["evaluate"]) / "evaluate.json")
    tflite = (place(stages["quantize"]) / "model.tflite").read_bytes()
    before, after = (_signs(measured["right"][name]) for name in ("float", "quantized"))
    parted = pair(before, after)
    chip: dict[str, Any] = {"weights": file_weight_bytes(tflite)}
    if as_c and not any(stages[name] in refused for name in ("convert", "firmware", "verify")):
        chip = _on_chip(place, stages)
    run = Run(
        seed=seed,
        correct=int(after.sum()),
        float_correct=int(before.sum()),
        lost=parted.lost,
        won=parted.won,
        zeros=round(zero_share(tflite), 4),
        tflite=len(tflite),
        **chip,
    )
    return run, len(after)


def _on_chip(place: Place, stages: Mapping[str, str]) -> dict[str, Any]:
    layers = read_json(place(stages["convert"]) / "layers.json")
    sizes = read_json(place(stages["firmware"]) / "sizes.json")
    proven = read_json(place(stages["verify"]) / "verify.json")
    constants = [(s["name"], s["size"]) for s in sizes["symbols"] if s["place"] == "constant"]
    proofs = proven["proofs"]
    return {
        "weights": weight_bytes(
            ((one["op_index"], one["kind"]) for one in layers["layers"]), constants
        ),
        "flash": sizes["flash"],
        "arena": layers["arena"],
        "ram": sizes["ram"] + sizes["stack"],
        "stack": proven["stack"],
        "instructions": proven["instructions"],
        "emulated": proven["firmware"]["total"] if proven["firmware"] else 0,
        "compared": sum(p["compared"] for p in proofs),
        "mismatches": sum(p["mismatches"] for p in proofs),
        "first": next((p["first"] for p in proofs if p["first"]), ""),
    }


def _signs(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("ascii"), np.uint8) == ord("1")
