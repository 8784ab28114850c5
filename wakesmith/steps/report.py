"""Gather what the stages found out; write the report and the manifest."""

from __future__ import annotations

import dataclasses
import platform
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert.cwriter import VERSION
from convert.files import write_text
from firmware.board import Board, load_board
from train.evaluate import wilson
from wakesmith.clips import load_dataset
from wakesmith.codehash import package_versions
from wakesmith.job import RECORD, SETTINGS, Job, file_hash
from wakesmith.project import Project
from wakesmith.realtime import RealTime, real_time
from wakesmith.report import render
from wakesmith.results import (
    Accuracy,
    Layer,
    Limit,
    Memory,
    Proof,
    Results,
    Spectrogram,
    Stored,
)
from wakesmith.steps.firmware import RUNTIME
from wakesmith.store import plain, read_json, write_json

PACKAGES = (
    "flatbuffers",
    "librosa",
    "numpy",
    "soundfile",
    "soxr",
    "espeakng-loader",
    "tensorflow",
    "tensorflow-model-optimization",
    "tf_keras",
    "tflite-micro",
    "unicorn",
    "ziglang",
)
_MOST_PICTURES = 12
_TFLM_ARENA = "_ZN12_GLOBAL__N_15arenaE"  # `arena` of firmware/tflm/ws_runtime_tflm.cc
_NOT_LISTED = (RECORD, SETTINGS, "pcm.npy", "features.npy", "clips.json")


def run(job: Job, project: Project) -> None:
    """Write `results.json`, `manifest.json` and `report.html`."""
    results = gather(job.inputs, project)
    write_json(job.out / "results.json", results)
    write_json(job.out / "manifest.json", results.manifest)
    job.progress(0, 1, "drawing")
    write_text(job.out / "report.html", render(results))


def gather(inputs: Mapping[str, Path], project: Project) -> Results:
    """Everything that is known of a build; stages that were not run are left out."""
    speech = read_json(inputs["speech"] / "summary.json")
    training = read_json(inputs["train"] / "history.json")
    quantized = read_json(inputs["quantize"] / "quantize.json")
    measured = read_json(inputs["evaluate"] / "evaluate.json")
    proven = read_json(inputs["verify"] / "verify.json") if "verify" in inputs else None
    board = load_board(project.firmware.board)
    data = load_dataset(inputs["speech"])
    results = Results(
        name=project.project.name,
        labels=data.classes,
        board=board.name,
        core="Cortex-" + board.core.name.removeprefix("cortex-").upper(),
        accuracy=tuple(_accuracy(quantized["scheme"], measured, proven, project)),
        confusion=_rows(measured["confusion"]),
        history=_history(training["epochs"], quantized["epochs"]),
        fine_tuned_after=len(training["epochs"]),
        spectrograms=_spectrograms(inputs, project),
        layers=_layers(inputs, measured, proven),
        arena=_arena(inputs),
        memories=_memories(inputs, board.flash_size, board.ram_size),
        instructions=proven["instructions"] if proven else 0,
        frontend_instructions=proven["frontend_instructions"] if proven else 0,
        real_time=_real_time(proven, board, project),
        stack=proven["stack"] if proven else 0,
        proofs=tuple(
            Proof(**{**p, "backends": tuple(p["backends"])})
            for p in (proven["proofs"] if proven else ())
        ),
        clips=speech["clips"],
        rejected=len(speech["rejected"]),
        notes=(
            *_left_out(speech["rejected"]),
            *quantized["notes"],
            *_runtime(inputs),
            *_stripes(inputs),
        ),
    )
    results = dataclasses.replace(results, budget=_budget(results, project.budget.limits))
    return _with_manifest(results, inputs, project, speech)


def _real_time(proven: Mapping[str, Any] | None, board: Board, project: Project) -> RealTime | None:
    """The share of the board's time, where instructions were counted."""
    if proven is None or not proven["instructions"] or not proven["frontend_per_frame"]:
        return None
    return real_time(
        board,
        project.frontend,
        project.detect,
        samples=project.samples,
        per_frame=proven["frontend_per_frame"],
        features=proven["frontend_instructions"],
        model=proven["instructions"],
    )


def _budget(results: Results, limits: Mapping[str, int]) -> tuple[Limit, ...]:
    """What is limited, against what was measured."""
    used = {memory.name.lower(): memory.used for memory in results.memories}
    used |= {"stack": results.stack, "instructions": results.instructions}
    return tuple(Limit(name, used[name], limit) for name, limit in limits.items())


def _left_out(rejected: list[dict[str, str]]) -> list[str]:
    """A sentence on unusable clips."""
    if not rejected:
        return []
    reasons = Counter(one["reason"] for one in rejected).most_common()
    told = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return [f"Clips left out because they cannot be used: {told}; rejected.csv lists them."]


def _accuracy(
    scheme: str,
    measured: Mapping[str, Any],
    proven: Mapping[str, Any] | None,
    project: Project,
) -> list[Accuracy]:
    """From the float model to the firmware."""

    def row(stage: str, how: str, counts: Mapping[str, int]) -> Accuracy:
        correct, total = counts["correct"], counts["total"]
        return Accuracy(stage, how, correct, total, *wilson(correct, total))

    how = "generated C on this machine" if proven else "LiteRT"
    rows = [
        row("float model", "Keras", measured["float"]),
        row(scheme, how, measured["quantized"]),
    ]
    if proven and proven["firmware"]:
        rows.append(row("firmware", f"emulated {project.firmware.board}", proven["firmware"]))
    return rows


def _rows(table: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in table)


def _history(*parts: list[dict[str, float]]) -> dict[str, tuple[float, ...]]:
    """Curves of training and, appended, of fine-tuning."""
    names = {
        "loss": "train_loss",
        "accuracy": "train_accuracy",
        "val_loss": "validation_loss",
        "val_accuracy": "validation_accuracy",
    }
    epochs = [epoch for part in parts for epoch in part]
    return {name: tuple(epoch[key] for epoch in epochs) for name, key in names.items()}


def _spectrograms(inputs: Mapping[str, Path], project: Project) -> tuple[Spectrogram, ...]:
    """One test clip of each of the first classes."""
    data = load_dataset(inputs["speech"])
    features = np.load(inputs["features"] / "features.npy", mmap_mode="r", allow_pickle=False)
    pictures = []
    for label, word in enumerate(data.classes[:_MOST_PICTURES]):
        mine = np.flatnonzero((data.labels == label) & (data.split == "test"))
        rows = mine if len(mine) else np.flatnonzero(data.labels == label)
        if len(rows):
            pictures.append(Spectrogram(word, _rows(features[rows[0]].tolist())))
    return tuple(pictures)


def _layers(
    inputs: Mapping[str, Path], measured: Mapping[str, Any], proven: Mapping[str, Any] | None
) -> tuple[Layer, ...]:
    if "convert" not in inputs:
        return ()
    layers = read_json(inputs["convert"] / "layers.json")["layers"]
    costs: dict[int, int] = {}  # all outputs of an operator together, shown with its first one
    for one in proven["layers"] if proven else ():
        costs[one["op_index"]] = costs.get(one["op_index"], 0) + one["instructions"]
    noise = {one["op_index"]: one["sqnr_db"] for one in measured["sqnr"]}
    return tuple(
        Layer(
            index=one["op_index"],
            kind=one["kind"],
            shape=tuple(one["shape"][1:]),
            sqnr_db=noise.get(one["op_index"]),
            instructions=costs.pop(one["op_index"], None),
        )
        for one in layers
    )


def _arena(inputs: Mapping[str, Path]) -> tuple[Stored, ...]:
    """What the generated C keeps where; nothing where no C was made."""
    if "convert" not in inputs:
        return ()
    return tuple(Stored(**one) for one in read_json(inputs["convert"] / "layers.json")["stored"])


def _stripes(inputs: Mapping[str, Path]) -> list[str]:
    """A sentence on what the budget of RAM made of the layers, or why it could make nothing."""
    if "convert" not in inputs:
        return []
    made = read_json(inputs["convert"] / "layers.json")
    if made["arena"] == made["whole_arena"]:
        return [made["note"]] if made["note"] else []
    return [
        f"For budget.ram layers run in stripes of rows: activations take {made['arena']:,} bytes "
        f"in place of {made['whole_arena']:,}. Of these layers only the last one's output is "
        "compared."
    ]


def _memories(inputs: Mapping[str, Path], flash: int, ram: int) -> tuple[Memory, ...]:
    """Flash and RAM by what fills them, told by the symbols' names."""
    if "firmware" not in inputs:
        return ()
    sizes = read_json(inputs["firmware"] / "sizes.json")
    in_flash: dict[str, int] = {}
    in_ram: dict[str, int] = {"stack (reserved)": sizes["stack"]}
    for symbol in sizes["symbols"]:
        place, size = symbol["place"], symbol["size"]
        what = _what(symbol["name"], place)
        if place in ("code", "constant", "data"):
            in_flash[what] = in_flash.get(what, 0) + size
        if place in ("data", "zero"):
            in_ram[what] = in_ram.get(what, 0) + size
    for parts, total in ((in_flash, sizes["flash"]), (in_ram, sizes["ram"] + sizes["stack"])):
        rest = total - sum(parts.values())
        if rest > 0:
            parts["vectors, constants without a name, padding"] = rest
    return (
        Memory("flash", flash, _largest_first(in_flash)),
        Memory("RAM", ram, _largest_first(in_ram)),
    )


def _runtime(inputs: Mapping[str, Path]) -> tuple[str, ...]:
    """A sentence on TFLite Micro, where it runs the model."""
    if "firmware" not in inputs:
        return ()
    runtime = read_json(inputs["firmware"] / RUNTIME)
    if runtime["runtime"] == "c":
        return ()
    return (
        f"TFLite Micro runs the model ({runtime['library']}); its arena of {runtime['arena']:,} "
        f"bytes, {runtime['arena_used']:,} of them in use, was measured in "
        f"{runtime['arena_measured']}.",
    )


def _what(name: str, place: str) -> str:
    """Whose a symbol is."""
    if name in ("model_arena", _TFLM_ARENA):
        return "model: arena"
    if name.startswith(("_ZN", "_ZT", "arm_")):
        return "TFLite Micro"
    if name.startswith("model_"):
        return "model: weights" if place == "constant" else "model: layers"
    if name.startswith(("ws_fe_", "ws_fft", "ws_frontend", "ws_window", "rows", "frontend")):
        return "front-end: tables" if place == "constant" else "front-end"
    if name.endswith(("_s8", "_s16")) or name.startswith("ws_kernel"):
        return "kernels"
    return "application and start-up"


def _largest_first(parts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(parts.items(), key=lambda part: (-part[1], part[0])))


def _with_manifest(
    results: Results, inputs: Mapping[str, Path], project: Project, speech: Mapping[str, Any]
) -> Results:
    """Add the manifest: no dates and no paths of this machine, so it is repeatable too."""
    files: dict[str, Any] = {}
    stages: dict[str, Any] = {}
    for stage, folder in inputs.items():
        record = read_json(folder / RECORD)
        stages[stage] = {"key": record["key"], "result": record["result"]}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in _NOT_LISTED:
                name = f"{stage}/{path.relative_to(folder).as_posix()}"
                files[name] = {"bytes": path.stat().st_size, "sha256": file_hash(path)}
    manifest = {
        "project": plain(project),
        "versions": {
            "wakesmith": VERSION,
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            **package_versions(PACKAGES),
        },
        "data": {"clips": speech["counts"], "hash": speech["hash"], "speakers": speech["speakers"]},
        "metrics": {
            "accuracy": {a.stage: [a.correct, a.total] for a in results.accuracy},
            "bytes_compared": results.compared,
            "mismatches": results.mismatches,
            "instructions": results.instructions,
            "frontend_instructions": results.frontend_instructions,
            "real_time": results.real_time and round(results.real_time.share, 6),
            "stack": results.stack,
            "memory": {m.name: m.used for m in results.memories},
            "budget": {limit.name: [limit.used, limit.limit] for limit in results.budget},
        },
        "files": files,
        "stages": stages,
    }
    return dataclasses.replace(results, manifest=manifest)
