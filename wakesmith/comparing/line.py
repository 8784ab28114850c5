"""The stages of a comparison: clips once, a float model per seed, the rest per scheme and seed.

Everything that `wakesmith build` has made already is taken from there: clips, features, and the
float model of the project's own seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from wakesmith.comparing.entries import Entry
from wakesmith.pipeline import Stage
from wakesmith.project import Project, VerifySection
from wakesmith.stage_reads import own_model_hash, scheme_modules
from wakesmith.stages import (
    scheme_stages,
    speech_stages,
    stage_of,
    train_stage,
)
from wakesmith.store import plain

FOLDER = "compare"
_SECONDS = {
    "foresee": 5.0,
    "speech": 40.0,
    "features": 5.0,
    "room": 30.0,
    "evaluate": 12.0,
    "convert": 4.0,
    "firmware": 8.0,
    "verify": 25.0,
}
_START, _EPOCH, _TUNED_EPOCH = 15.0, 3.0, 6.0


def run_stage(label: str, seed: int, stage: str) -> str:
    """Name of a stage of one candidate with one seed."""
    return f"{FOLDER}/{label}-seed{seed}/{stage}"


def foresee_stage(label: str) -> str:
    """Name of the stage that looks whether a candidate can run at all."""
    return f"{FOLDER}/{label}/foresee"


def train_name(project: Project, seed: int) -> str:
    """Name of the stage of a float model; that of the project's own seed is `wakesmith build`'s."""
    return "train" if seed == project.project.seed else f"{FOLDER}/seed{seed}/train"


def seeds_of(project: Project, count: int) -> tuple[int, ...]:
    """The project's seed and those after it."""
    return tuple(range(project.project.seed, project.project.seed + count))


def compare_stages(
    project: Project,
    base: Path,
    entries: Sequence[Entry],
    seeds: Sequence[int],
    *,
    strict: bool,
    jobs: int = 0,
) -> list[Stage]:
    """All stages, in order: what can be refused is looked at first.

    Args:
        project: the project file.
        base: folder that relative paths in it start from.
        entries: candidates.
        seeds: of training and quantization; clips and splits are those of the project's seed.
        strict: a candidate that cannot run ends the comparison instead of being left out.
        jobs: worker processes and threads, 0 for one per core.

    Raises:
        UserError: as `wakesmith.stages.build_stages`.
    """
    stages = [_foresee(project, base, entry, strict) for entry in entries]
    stages += speech_stages(project, base, jobs=jobs)
    for seed in seeds:
        seeded = _with(project, seed=seed)
        train = train_name(project, seed)
        stage = train_stage(seeded, base, jobs=jobs)
        stages.append(_told(dataclasses.replace(stage, name=train), f"seed {seed}"))
        for entry in entries:
            told = f"{entry.label}, seed {seed}"
            mine = scheme_stages(_with(seeded, entry=entry), base, jobs=jobs)
            folders = {stage.name: run_stage(entry.label, seed, stage.name) for stage in mine}
            folders["train"] = train
            for stage in mine:
                needs = stage.needs
                if stage.name == "quantize":
                    needs = (*needs, "foresee")
                    folders["foresee"] = foresee_stage(entry.label)
                moved = dataclasses.replace(
                    stage,
                    name=folders[stage.name],
                    needs=needs,
                    folders={name: folders[name] for name in needs if name in folders},
                    optional=not strict,
                )
                stages.append(_told(moved, told))
    return stages


def seconds(
    project: Project, stages: Sequence[Stage], entries: Sequence[Entry]
) -> dict[str, float]:
    """A first guess of how long each stage takes, by name; only their proportions matter long."""
    specs = {entry.label: entry.spec for entry in entries}
    guesses = {}
    for stage in stages:
        kind = stage.name.rpartition("/")[2]
        guess = _SECONDS.get(kind, _START)
        if kind == "train":
            guess = _START + _EPOCH * project.train.epochs
        elif kind == "quantize":
            label = stage.name.split("/")[1].rpartition("-seed")[0]
            guess = _START + _TUNED_EPOCH * _epochs(plain(specs[label]))
        guesses[stage.name] = guess
    guesses[stages[0].name] += _START  # TensorFlow is imported then
    return guesses


def _epochs(options: Mapping[str, object]) -> float:
    """Epochs of all kinds that a scheme's options mention, also its student's; some per block."""
    total = 0.0
    for name, value in options.items():
        if isinstance(value, Mapping):
            total += _epochs(value)
        elif name.endswith("epochs") and isinstance(value, int | float):
            blocks = options.get("blocks", 1) if name == "epochs" else 1
            total += value * (blocks if isinstance(blocks, int) else 1)
    return total


def _foresee(project: Project, base: Path, entry: Entry, strict: bool) -> Stage:
    fe = project.frontend
    stage = stage_of(
        "foresee_scheme",
        f"looking whether {entry.label} can run",
        (entry.spec, project.model, fe, project.samples, len(project.labels), base),
        also=scheme_modules(entry.spec),
        reads={
            "scheme": plain(entry.spec),
            "model": plain(project.model),
            "own_model": own_model_hash(project, base),
            "frontend": fe.to_json(),
            "samples": project.samples,
            "classes": len(project.labels),
        },
        packages=("tensorflow", "tf_keras", "tensorflow-model-optimization"),
    )
    return dataclasses.replace(stage, name=foresee_stage(entry.label), optional=not strict)


def _with(project: Project, *, seed: int | None = None, entry: Entry | None = None) -> Project:
    """The project with another seed, or another scheme and its proof."""
    if seed is not None:
        section = dataclasses.replace(project.project, seed=seed)
        project = dataclasses.replace(project, project=section)
    if entry is not None:
        proof = project.compare
        verify = VerifySection(proof.verify_clips, proof.emulated_clips)
        project = dataclasses.replace(project, quantization=entry.spec, verify=verify)
    return project


def _told(stage: Stage, who: str) -> Stage:
    return dataclasses.replace(stage, doing=f"{who}: {stage.doing}")
