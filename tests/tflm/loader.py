"""Any model on TFLite Micro in an emulator: one image with all operators, models come from outside.

TFLM_DIR names the TFLite Micro tree; without it the tests that need one are skipped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.graph import Graph
from convert.tflite_reader import read
from convert.tflm_ops import RESOLVER_METHODS
from firmware.board import Board
from firmware.image import Image
from firmware.tflm_build import build_tflm_bare
from firmware.tflm_tree import TflmLibrary
from simulate.backend import batch_of, clip_shape
from simulate.cores import EMULATED
from simulate.machine import Machine
from simulate.qemu import QemuBoard

TFLM_DIR = os.environ.get("TFLM_DIR", "")
NEEDS_TREE = pytest.mark.skipif(not TFLM_DIR, reason="TFLM_DIR names no TFLite Micro tree")
ARENA = 120_000
_SECONDS = 120.0
_ALIGN = 16
_LIMIT = 2_000_000_000  # an abort is a loop without end

_MODEL_H = """\
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define MODEL_HASH "loader"
#define MODEL_INPUT_SCALE 1
#define MODEL_OUTPUT_SCALE 1
#define MODEL_STATE_SIZE 1
#define MODEL_INPUT_SIZE loaded_input_size
#define MODEL_OUTPUT_SIZE loaded_output_size
extern const uint8_t *loaded_model;
extern uint32_t loaded_input_size;
extern uint32_t loaded_output_size;
#ifdef __cplusplus
}
#endif
#endif
"""


@dataclass(frozen=True, eq=False)
class Job:
    """A model with one int8 input and output, and inputs for it as `Backend.run` takes them."""

    name: str
    model: bytes
    inputs: NDArray[np.generic]


def runnable(graph: Graph) -> bool:
    """Whether the runtime interface can carry the model: one int8 input, one int8 output."""
    edges = (*graph.inputs, *graph.outputs)
    return (
        (len(graph.inputs), len(graph.outputs)) == (1, 1)
        and all(graph.tensors[i].dtype == "int8" for i in edges)
        and all(op.kind in RESOLVER_METHODS for op in graph.ops)
    )


def loader_image(board: Board, library: TflmLibrary, kinds: Sequence[str], folder: Path) -> Image:
    """The image; `kinds` are the operators that models may have."""
    calls = "".join(f"    (void)resolver.{RESOLVER_METHODS[kind]}();\n" for kind in sorted(kinds))
    ops = (
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n'
        f"using model_op_resolver = tflite::MicroMutableOpResolver<{len(kinds)}>;\n"
        "inline TfLiteStatus model_register_ops(model_op_resolver &resolver) {\n"
        f"{calls}    return kTfLiteOk;\n}}\n"
    )
    files = {
        "model.h": _MODEL_H,
        "model_data.h": f"#define model_data loaded_model\n#define MODEL_TFLM_ARENA_SIZE {ARENA}\n",
        "model_ops.h": ops,
        "main.c": Path(__file__).with_name("loader.c"),
    }
    return build_tflm_bare(files, board, library, out_dir=folder, name="loader")


class Talk(Protocol):
    """A board that listens."""

    def ask(self, data: bytes, lines: int) -> tuple[str, ...]:
        """Send, and take so many lines."""
        ...


class _Unicorn:
    def __init__(self, image: Image, free: int, blob: bytes) -> None:
        self._machine = Machine(image)
        assert self._machine.boot() == "loader\n"
        self._machine.view(free, len(blob))[:] = np.frombuffer(blob, np.uint8)

    def ask(self, data: bytes, lines: int) -> tuple[str, ...]:
        before = len(self._machine.console.sent)
        self._machine.console.feed(data)
        self._machine.run(limit=_LIMIT)
        return tuple(self._machine.console.sent[before:].decode().splitlines())


class _Qemu:
    def __init__(self, board: QemuBoard) -> None:
        self._board = board
        assert board.lines(1, timeout_s=_SECONDS) == ("loader",)

    def ask(self, data: bytes, lines: int) -> tuple[str, ...]:
        self._board.send(data)
        return self._board.lines(lines, timeout_s=_SECONDS)


@contextmanager
def _board(image: Image, free: int, blob: bytes) -> Iterator[Talk]:
    if image.board.core.name in EMULATED:
        yield _Unicorn(image, free, blob)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blob"
        path.write_bytes(blob)
        load = ("-device", f"loader,file={path},addr=0x{free:x},force-raw=on")
        with QemuBoard(image, load) as board:
            yield _Qemu(board)


def run_jobs(image: Image, jobs: Sequence[Job]) -> dict[str, NDArray[np.int8] | str]:
    """Outputs (clips, steps, bytes) by the job's name, or what TFLite Micro said instead."""
    free, room = image.board.ram_origin + image.board.ram_size // 2, image.board.ram_size // 2
    answers: dict[str, NDArray[np.int8] | str] = {}
    block: list[Job] = []
    size = 0
    for job in jobs:
        needed = len(job.model) + job.inputs.nbytes + 2 * _ALIGN
        if block and size + needed > room:
            answers.update(_run_block(image, free, block))
            block, size = [], 0
        block.append(job)
        size += needed
    answers.update(_run_block(image, free, block))
    return answers


def _run_block(image: Image, free: int, jobs: Sequence[Job]) -> dict[str, NDArray[np.int8] | str]:
    blob = bytearray()

    def put(data: bytes) -> int:
        blob.extend(bytes(-len(blob) % _ALIGN))
        blob.extend(data)
        return free + len(blob) - len(data)

    places = [(put(job.model), put(job.inputs.tobytes())) for job in jobs]
    answers: dict[str, NDArray[np.int8] | str] = {}
    with _board(image, free, bytes(blob)) as board:
        for job, (model, inputs) in zip(jobs, places, strict=True):
            answers[job.name] = _run(board, job, model, inputs)
    return answers


def _run(board: Talk, job: Job, model: int, inputs: int) -> NDArray[np.int8] | str:
    graph = read(job.model)
    source, result = (graph.tensors[i] for i in (graph.inputs[0], graph.outputs[0]))
    batch = batch_of(job.inputs, [source], bool(graph.states))
    numbers = (model, source.nbytes, result.nbytes)
    said = board.ask(b"m" + b"".join(n.to_bytes(4, "little") for n in numbers), 1)
    if said != ("ready",):
        return " | ".join(said) or "silence"
    found = np.empty((batch.clips, batch.steps, result.nbytes), np.int8)
    for clip in range(batch.clips):
        commands = b"r"
        for step in range(batch.steps):
            place = inputs + (clip * batch.steps + step) * source.nbytes
            commands += b"i" + place.to_bytes(4, "little")
        lines = board.ask(commands, batch.steps)
        if len(lines) != batch.steps or not all(line.startswith("out ") for line in lines):
            return " | ".join(lines) or "silence"
        values = b"".join(bytes.fromhex(line.removeprefix("out ")) for line in lines)
        found[clip] = np.frombuffer(values, np.int8).reshape(batch.steps, -1)
    return found


def expected(job: Job) -> NDArray[np.int8]:
    """The wheel's answer in the same form."""
    from simulate.tflm import TflmBackend

    graph = read(job.model)
    values = TflmBackend(job.model, guard=False).run(job.inputs)[graph.outputs[0]]
    result = graph.tensors[graph.outputs[0]]
    size = int(np.prod(clip_shape(result.shape), dtype=np.int64))
    return np.asarray(values).view(np.int8).reshape(len(job.inputs), -1, size)
