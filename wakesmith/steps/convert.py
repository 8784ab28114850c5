"""Turn the int8 .tflite into C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convert.emit_aot import emit_model
from convert.emit_array import emit_array
from convert.emit_frontend import emit_frontend
from convert.files import write_text
from convert.frontend import FrontEnd
from convert.generated import CodeSpec, GeneratedModel
from convert.graph import Graph
from convert.supported import check
from convert.tflite_reader import read
from simulate.backend import step_count, windows
from simulate.tflm import arena_size
from wakesmith.job import Job
from wakesmith.results import stored
from wakesmith.store import read_json, write_json

if TYPE_CHECKING:
    from wakesmith.arena_room import ArenaRoom

PREFIX = "model"
LAYERS = "layers.json"
_USUAL = CodeSpec()


def generate(
    tflite: bytes,
    labels: tuple[str, ...],
    fe: FrontEnd,
    clip_samples: int,
    code: CodeSpec = _USUAL,
) -> GeneratedModel:
    """The interpreter-free C of a model, after a check that every operator is supported.

    A model that remembers and takes fewer frames than a clip has is run in several steps.

    Raises:
        ModelError: the file is damaged.
        UnsupportedModelError: it uses something that the C kernels do not have.
    """
    graph = read(tflite)
    check(graph)
    return generate_from(graph, labels, fe, clip_samples, code)


def generate_from(
    graph: Graph,
    labels: tuple[str, ...],
    fe: FrontEnd,
    clip_samples: int,
    code: CodeSpec = _USUAL,
) -> GeneratedModel:
    """The same of a graph that has been checked."""
    steps = 1
    if graph.states and len(graph.inputs) == 1:
        clip = np.empty((0, fe.frames(clip_samples), fe.width), np.int8)
        shape = graph.tensors[graph.inputs[0]].shape
        steps = step_count(windows(clip, shape), shape)
    return emit_model(
        graph,
        prefix=PREFIX,
        labels=labels,
        steps=steps,
        pack=code.pack,
        kernels=code.kernels,
        ram=code.ram,
    )


def code_within(converted: Path, code: CodeSpec) -> CodeSpec:
    """How C was made by this stage, whose result is in `converted`."""
    return replace(code, ram=read_json(converted / LAYERS)["arena_limit"])


def run(
    job: Job,
    labels: tuple[str, ...],
    fe: FrontEnd,
    clip_samples: int,
    code: CodeSpec,
    room: ArenaRoom | None = None,
) -> None:
    """Write `c/` (model, front-end tables), `c/tflm/` (model as an array) and `layers.json`.

    With `room`, layers run in stripes where the firmware would not fit otherwise.

    Without the array where TFLite Micro cannot run the model.
    """
    tflite = (job.inputs["quantize"] / "model.tflite").read_bytes()
    job.progress(0, 3, "emitting C")
    note = ""
    if room is not None:
        job.progress(0, 3, "measuring RAM")
        code, note = room.fitted(read(tflite), labels, fe, clip_samples, code)
    generated = generate(tflite, labels, fe, clip_samples, code)
    _write(job.out / "c", {**generated.files, **emit_frontend(fe)})
    tflm_arena = 0
    operators: tuple[str, ...] = ()
    if "tflm" in read_json(job.inputs["quantize"] / "quantize.json")["runs_on"]:
        job.progress(1, 3, "measuring TFLite Micro's arena")
        tflm_arena = arena_size(tflite)
        job.progress(2, 3, "emitting the array")
        array = emit_array(tflite, labels=labels, arena_size=tflm_arena)
        operators = array.operators
        _write(job.out / "c" / "tflm", array.files)
    write_json(
        job.out / LAYERS,
        {
            "layers": generated.layers,
            "arena": generated.arena_size,
            "whole_arena": generated.whole_arena,
            "arena_limit": code.ram,
            "note": note,
            "stored": stored(generated),
            "tflm_arena": tflm_arena,
            "macs": generated.macs * generated.steps,
            "weights": generated.flash_bytes,
            "tflm_operators": operators,
            "model_hash": generated.model_hash,
        },
    )


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        write_text(folder / name, text)
