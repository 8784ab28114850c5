"""The line of stages of a project: what each reads, which code it runs, what it needs."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from convert.errors import UserError
from wakesmith.arena_room import ArenaRoom
from wakesmith.job import Job
from wakesmith.pipeline import Stage
from wakesmith.project import Project, runs_as_c
from wakesmith.results import Results
from wakesmith.room import Room
from wakesmith.runtimes import library_of, library_reads
from wakesmith.stage_reads import learning_reads, quantization_reads, scheme_modules
from wakesmith.steps import speech
from wakesmith.steps.quantize import chooses
from wakesmith.steps.train import Learning
from wakesmith.store import plain

STAGE_NAMES = (
    "speech",
    "features",
    "train",
    "quantize",
    "evaluate",
    "convert",
    "firmware",
    "verify",
    "report",
)

_FRONTEND = ("firmware/frontend", "firmware/include", "simulate/hostfrontend.c")
_KERNELS = ("firmware/kernels", "firmware/include")
_KERAS = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy")


def build_stages(project: Project, base: Path, *, jobs: int = 0) -> list[Stage]:
    """The stages of a project, in order.

    Args:
        project: the project file.
        base: folder that relative paths in it start from.
        jobs: worker processes and threads, 0 for one per core; results do not depend on it.

    Returns:
        All of them, or without convert, firmware and verify when the quantization scheme gives a
        model that does not run as C.

    Raises:
        UserError: a source's folder or file, a noise folder or the model's file does not exist, or
            the runtime does not go with the rest.
        FirmwareError: TFLite Micro's library cannot be used.
    """
    train = _foreseeing(train_stage(project, base, jobs=jobs), project, base)
    stages = [
        *speech_stages(project, base, jobs=jobs),
        train,
        *scheme_stages(project, base, jobs=jobs),
    ]
    return [*stages, _report(project, tuple(stage.name for stage in stages))]


def speech_stages(project: Project, base: Path, *, jobs: int = 0) -> list[Stage]:
    """Clips and their features; arguments and errors as for `build_stages`."""
    data, fe, seed = project.data_spec(), project.frontend, project.project.seed
    return [
        stage_of(
            "speech",
            "collecting speech",
            (data, base, seed, jobs),
            also=("train.espeak_worker",),
            reads=speech.reads(data, base, seed),
            packages=("espeakng-loader", "numpy", "soundfile", "soxr"),
        ),
        stage_of(
            "features",
            "computing features",
            (fe,),
            needs=("speech",),
            reads=fe.to_json(),
            data=_FRONTEND,
            packages=("numpy", "ziglang"),
        ),
    ]


def train_stage(project: Project, base: Path, *, jobs: int = 0) -> Stage:
    """The float model; arguments and errors as for `build_stages`."""
    return stage_of(
        "train",
        "training",
        (_learning(project, base, jobs),),
        needs=("speech",),
        reads=learning_reads(project, base),
        data=_FRONTEND,
        packages=(*_KERAS, "ziglang"),
    )


def scheme_stages(project: Project, base: Path, *, jobs: int = 0) -> list[Stage]:
    """What depends on the project's quantization scheme, from quantize to evaluate or verify.

    Arguments and errors as for `build_stages`.
    """
    fe, labels, before = project.frontend, project.labels, _room_stages(project, base, jobs)
    code = project.firmware.code
    library = library_of(project, base)
    room = _arena_room(project)
    target = {
        "frontend": fe.to_json(),
        "labels": list(labels),
        "samples": project.samples,
        "code": plain(code),
    }
    stages = [
        *before,
        stage_of(
            "quantize",
            "quantizing",
            (project.quantization, _learning(project, base, jobs)),
            also=scheme_modules(project.quantization),
            needs=("speech", "train", *(stage.name for stage in before)),
            reads={**learning_reads(project, base), **quantization_reads(project, base)},
            data=_FRONTEND,
            packages=(*_KERAS, "ziglang", "flatbuffers"),
        ),
        stage_of(
            "evaluate",
            "measuring",
            (project.model, fe, base),
            also=("simulate.tflm_child",),
            needs=("speech", "features", "train", "quantize"),
            data=_KERNELS,
            packages=(*_KERAS, "tflite-micro", "ziglang"),
        ),
    ]
    if not runs_as_c(project):
        return stages
    return [
        *stages,
        stage_of(
            "convert",
            "making C",
            (labels, fe, project.samples, code, room),
            also=("simulate.tflm_child", *(("wakesmith.arena_room",) if room else ())),
            needs=("quantize",),
            reads={**target, "room": plain(room) if room else None},
            data=("firmware",) if room else (),
            packages=("numpy", "tflite-micro", "flatbuffers"),
        ),
        stage_of(
            "firmware",
            "compiling",
            (
                project.project.name,
                labels,
                fe,
                project.samples,
                project.firmware.board,
                project.firmware.compiler,
                code,
                project.project.words,
                project.detect,
                library,
            ),
            needs=("quantize", "convert"),
            reads={
                **target,
                "firmware": {**plain(project.firmware), "tflm_dir": library_reads(library)},
                "name": project.project.name,
                "words": list(project.project.words),
                "detect": plain(project.detect),
            },
            data=("firmware",),
            packages=("numpy", "ziglang"),
            settings=plain(project),
        ),
        stage_of(
            "verify",
            "comparing",
            (project,),
            needs=("speech", "features", "quantize", "convert", "firmware"),
            reads={**target, "verify": plain(project.verify), "board": project.firmware.board},
            data=("firmware", "simulate"),
            packages=("numpy", "tflite-micro", "unicorn", "ziglang"),
        ),
    ]


def sensitivity_stages(project: Project, base: Path, split: str, *, jobs: int = 0) -> list[Stage]:
    """The line of `wakesmith sensitivity`; arguments and errors as for `build_stages`.

    `split` names the clips that it is measured on, "val" or "test".
    """
    measure = stage_of(
        "sensitivity",
        "measuring layers",
        (project.project.name, split, _learning(project, base, jobs)),
        needs=("speech", "features", "train"),
        reads={
            **learning_reads(project, base),
            "name": project.project.name,
            "split": split,
        },
        data=(*_FRONTEND, "wakesmith"),
        packages=(*_KERAS, "ziglang", "matplotlib", "jinja2"),
    )
    return [
        *speech_stages(project, base, jobs=jobs),
        train_stage(project, base, jobs=jobs),
        measure,
    ]


def _arena_room(project: Project) -> ArenaRoom | None:
    """What the budget of RAM leaves for activations, where there is one and C runs the model."""
    if not project.budget.ram or project.firmware.runtime != "c":
        return None
    return ArenaRoom(
        ram=project.budget.ram,
        name=project.project.name,
        words=project.project.words,
        detect=project.detect,
        board=project.firmware.board,
        compiler=project.firmware.compiler,
    )


def _room_stages(project: Project, base: Path, jobs: int) -> list[Stage]:
    """Where the scheme chooses bits by the budget of flash: a stage that measures what is left."""
    if not project.budget.flash or not chooses(project.quantization):
        return []
    if project.firmware.runtime != "c":
        raise UserError(
            "A scheme that chooses bits by the budget of flash must go with the runtime c. "
            f"Received: {project.firmware.runtime}. Leave flash out of [budget], or the runtime."
        )
    room = Room(
        flash=project.budget.flash,
        name=project.project.name,
        labels=project.labels,
        samples=project.samples,
        board=project.firmware.board,
        compiler=project.firmware.compiler,
    )
    return [
        stage_of(
            "room",
            "measuring flash",
            (room, project.quantization, _learning(project, base, jobs)),
            also=scheme_modules(project.quantization),
            needs=("speech", "train"),
            reads={
                **learning_reads(project, base),
                **quantization_reads(project, base),
                "room": plain(room),
            },
            data=("firmware", "simulate/hostfrontend.c"),
            packages=(*_KERAS, "ziglang", "flatbuffers"),
        )
    ]


def _learning(project: Project, base: Path, jobs: int) -> Learning:
    return Learning(
        model=project.model,
        spec=project.train,
        fe=project.frontend,
        augmentation=project.augment,
        seed=project.project.seed,
        base=base,
        jobs=jobs,
    )


def load_results(folder: Path) -> Results:
    """Read what the report stage wrote.

    Raises:
        UserError: there is none, or it is from another version.
    """
    path = folder / "results.json"
    try:
        return TypeAdapter(Results).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"A report must have been built by this version. Received: {path}. "
            "Run wakesmith build again."
        ) from error


def stage_of(
    name: str, doing: str, arguments: tuple[Any, ...], also: tuple[str, ...] = (), **rest: Any
) -> Stage:
    """A stage that is `wakesmith.steps.<name>.run(job, *arguments)`.

    Modules that it runs without importing them (as programs of their own, or by way of a register)
    are in `also`.
    """
    module = f"wakesmith.steps.{name}"
    run = functools.partial(_run, module, arguments)
    return Stage(name, doing, run, modules=(module, *also), **rest)


def _foreseeing(train: Stage, project: Project, base: Path) -> Stage:
    """The stage, which first looks whether the network will run on the chip.

    That can refuse it but not change what is trained, so its code and the scheme are no part of
    the stage's key.
    """
    arguments = (project.quantization, project.model, project.frontend, base)
    chip = (project.labels, project.samples, project.firmware.board, project.firmware.compiler)

    def run(job: Job) -> None:
        _run("wakesmith.steps.foresee", arguments, job)
        if project.firmware.runtime == "c" and not project.budget.ram:  # which may need stripes
            _run("wakesmith.steps.foresee_room", (*arguments, *chip), job)
        train.run(job)

    return dataclasses.replace(train, run=run)


def _run(module: str, arguments: tuple[Any, ...], job: Job) -> None:
    import importlib

    importlib.import_module(module).run(job, *arguments)


def _report(project: Project, needs: tuple[str, ...]) -> Stage:
    return stage_of(
        "report",
        "writing the report",
        (project,),
        needs=needs,
        reads=plain(project),
        data=("wakesmith",),
        packages=("matplotlib", "jinja2"),
    )
