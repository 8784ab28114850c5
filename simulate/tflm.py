"""TFLite Micro's own reference kernels, from the `tflite-micro` wheel: the golden model.

TFLite Micro reports failures on stderr from C++, and some of them (a broken model, a check that
aborts, an arena a little too small) end the process. So a model is tried first in a process of its
own (`simulate.tflm_child`), and what that process says becomes a `ModelError`.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.graph import ITEM_BYTES, Graph
from convert.quiet import quiet_stderr
from convert.tflite_reader import read
from simulate import tflm_worker
from simulate.backend import Batch, Trace, batch_of, clip_shape, empty_trace

_CHILD = Path(__file__).with_name("tflm_child.py")
_SECONDS = 120
_NOISE = ("WARNING", "INFO", "[RecordingMicroAllocator]", "W0000", "I0000")


@dataclass(frozen=True)
class ArenaUse:
    """Bytes of TFLite Micro's arena on this 64-bit host.

    `minimum` is the smallest arena in which the interpreter allocates and runs; the others are what
    its recording allocator reports: `total` = `head` (activations and scratch buffers, planned) +
    `tail` (persistent: tensor structures, per-channel multipliers, kernel data).
    """

    minimum: int
    total: int
    head: int
    tail: int


def _child(model: bytes, *arguments: str) -> tuple[dict[str, Any], str]:
    """Run `tflm_child`; its answer and what was written to stderr.

    Raises:
        ModelError: it died or gave an error.
    """
    try:
        done = subprocess.run(
            [sys.executable, str(_CHILD), *arguments],
            input=model,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"TFLite Micro must finish with a model within {_SECONDS} s. Received: no answer."
        ) from None
    words = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        answer = json.loads(done.stdout.splitlines()[-1])
        if "error" not in answer:
            return answer, words
        reason = str(answer["error"])
    elif done.returncode < 0:
        reason = f"its process died ({signal.Signals(-done.returncode).name})"
    else:
        raise RuntimeError(f"{_CHILD.name} ended with status {done.returncode}:\n{words}")
    raise ModelError(
        f"TFLite Micro must be able to run the model. Received: {_sentence(reason, words)}."
    )


def _sentence(reason: str, words: str) -> str:
    """The failure and the first thing that TFLite Micro said about it, on one line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(_NOISE)]
    text = reason if not said else f"{reason} ({said[0].rstrip('.')})"
    return "".join(c if c.isprintable() else "?" for c in text.rstrip("."))[:400]


def arena_use(model: bytes) -> ArenaUse:
    """Measure how much arena TFLite Micro needs for a model.

    A child process forks once per trial (an arena that is a little too small can crash the wheel)
    and bisects for the smallest multiple of 16 bytes in which allocation and one inference work,
    with the ordinary planner, that is without preserving all tensors; then it reads the recorded
    total. The minimum can exceed the total, because preparing needs temporary memory.

    Structures hold pointers of 8 bytes here and of 4 on a Cortex-M, and the recording allocator
    keeps its own tables in the arena, so on the target less suffices: the number is safe there. For
    the MLPerf Tiny keyword model it is 24,272 against 22,820 on a Cortex-M4.

    Raises:
        ModelError: TFLite Micro cannot run the model.
    """
    answer, words = _child(model, "measure")

    def recorded(part: str) -> int:
        found = re.search(rf"Arena allocation {part} (\d+) bytes", words)
        if found is None:
            raise ModelError(
                f"TFLite Micro must report its {part} allocation. Received: {words!r}."
            )
        return int(found.group(1))

    return ArenaUse(answer["minimum"], recorded("total"), recorded("head"), recorded("tail"))


def arena_size(model: bytes) -> int:
    """Bytes of arena that TFLite Micro needs: `arena_use(model).minimum`, a multiple of 16.

    Raises:
        ModelError: TFLite Micro cannot run the model.
    """
    return arena_use(model).minimum


class TflmBackend:
    """Runs a model in TFLite Micro and shows every activation tensor.

    Each look at a tensor loses memory (see `simulate.tflm_worker`), so from
    `tflm_worker.MOST_LOST` bytes on, over all models, clips run in a process of their own.

    Args:
        model: Bytes of a .tflite.
        guard: Try the model in a process of its own first (0.4 s). Without it a model that makes
            TFLite Micro abort takes this process with it; for models that we made ourselves.

    Raises:
        ModelError: the file is damaged or TFLite Micro cannot run it.
    """

    name = "tflm"
    _lost = 0  # bytes that this process will not see again

    def __init__(self, model: bytes, *, guard: bool = True) -> None:
        graph = read(model)
        self._graph = graph
        # Without reuse of memory: all activations, plus scratch and persistent data, generously.
        activations = sum(t.size * ITEM_BYTES.get(t.dtype, 8) + 64 for t in graph.tensors)
        arena = (1 << 20) + 4 * len(model) + 4 * activations
        if guard:
            _child(model, "check", str(arena))
        # What VAR_HANDLE writes is no value.
        written = (index for op in graph.ops for index in op.outputs)
        self._shown = [*graph.inputs, *(i for i in written if not graph.tensors[i].state)]
        self._stateful = bool(graph.states)
        self._per_run = sum(graph.tensors[i].nbytes for i in self._shown)
        self._worker = tflm_worker.Worker(
            model,
            arena,
            self._shown,
            self._per_run,
            inputs=len(graph.inputs),
            stateful=self._stateful,
        )
        weakref.finalize(self, self._worker.close)
        from tflite_micro import runtime

        try:
            with quiet_stderr():
                self._interpreter = runtime.Interpreter.from_bytes(
                    model,
                    arena_size=arena,
                    intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
                )
        except Exception as error:  # the wheel's own parser raises anything on damaged files
            raise ModelError(
                f"TFLite Micro must be able to run the model. Received: {error}."
            ) from None

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch, clip by clip; see `simulate.backend.Backend.run`.

        TFLite Micro keeps variables from one run to the next, those of an LSTM, too: they are
        reset to zero (int8: to their zero point) before each clip.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype; with
                steps after the batch where the model has states.

        Raises:
            ModelError: the shape or type of `inputs` is another, or an inference fails.
        """
        graph: Graph = self._graph
        sources = [graph.tensors[index] for index in graph.inputs]
        batch = batch_of(inputs, sources, self._stateful)
        if batch.clips == 0:
            return empty_trace(graph, self._shown, batch.lead)
        try:
            rows = self._rows(batch)
        except (RuntimeError, ValueError) as error:
            reason = str(error)
        except ChildProcessError as error:
            reason = _sentence("its process ended", str(error))
        else:
            return self._trace(rows, batch.lead)
        raise ModelError(f"TFLite Micro must be able to run the model. Received: {reason}.")

    def _rows(self, batch: Batch) -> NDArray[np.uint8]:
        """(clips * steps, bytes of all shown tensors)."""
        clips, steps = batch.clips, batch.steps
        if TflmBackend._lost + clips * steps * self._per_run > tflm_worker.MOST_LOST:
            return self._worker.run(batch.raw).reshape(clips * steps, self._per_run)
        TflmBackend._lost += clips * steps * self._per_run
        rows = np.empty((clips * steps, self._per_run), np.uint8)
        parts = list(zip(batch.parts, batch.edges, strict=True))
        for run, row in enumerate(rows):
            clip, step = divmod(run, steps)
            if step == 0 and self._stateful:
                self._interpreter.reset()
            for number, (part, edge) in enumerate(parts):
                self._interpreter.set_input(part[clip, step].reshape(edge.shape), number)
            self._interpreter.invoke()
            start = 0
            for index in self._shown:
                values = self._interpreter.GetTensor(index, 0)["tensor_data"]
                found = np.frombuffer(values.tobytes(), np.uint8)
                row[start : start + found.size] = found
                start += found.size
        return rows

    def _trace(self, rows: NDArray[np.uint8], lead: tuple[int, ...]) -> Trace:
        found: Trace = {}
        start = 0
        for index in self._shown:
            tensor = self._graph.tensors[index]
            part = np.ascontiguousarray(rows[:, start : start + tensor.nbytes])
            shape = (-1, *lead, *clip_shape(tensor.shape))
            found[index] = part.view(np.dtype(tensor.dtype)).reshape(shape)
            start += tensor.nbytes
        return found
