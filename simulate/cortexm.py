"""The `cortex-m` back end: generated C as it runs on the chip, emulated instruction by instruction.

Features, every layer and the scores come from the same ELF that is flashed; instruction counts are
exact and repeatable.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.generated import GeneratedModel, LayerSlot
from firmware.image import Image
from simulate.backend import Trace, clip_shape
from simulate.costs import LayerCost, Profile, code_bytes
from simulate.elf import Elf
from simulate.generated_runs import Recorder, Slot, another_model, require_edges
from simulate.machine import Machine
from simulate.memory import HOST_WINDOW

_MOST_SAMPLES = 1_000_000
_FEATURES, _CLIP, _FEED = "ws_app_features", "ws_app_clip", "ws_app_feed"
_HOP, _ROW = "ws_frontend_push", "ws_window_push"


@dataclass(frozen=True)
class Bench:
    """One machine that has started, with views of where the model's inputs and output are."""

    machine: Machine
    banner: str
    inputs: tuple[NDArray[np.uint8], ...]
    output: NDArray[np.uint8]

    @property
    def input(self) -> NDArray[np.uint8]:
        """The first of them."""
        return self.inputs[0]

    def feed(self, values: NDArray[np.uint8]) -> None:
        """Write all inputs, whose bytes are behind one another."""
        start = 0
        for place in self.inputs:
            place[:] = values[start : start + place.size]
            start += place.size


class CortexMBackend:
    """Runs firmware in an emulated core; see `simulate.backend.Backend` and `FeatureBackend`.

    Args:
        image: firmware made from `generated` by `firmware.application`.
        generated: says where each layer leaves its output.
        threads: emulated boards that work at once; one per processor (at most 8) unless told.

    Attributes:
        machine: the first of the boards.
        clip_samples: samples of the model's window; 0 for a bare model.

    Raises:
        UserError: the image was made from another model.
        CortexMFault: the firmware faults before it listens.
    """

    name = "cortex-m"

    def __init__(
        self, image: Image, generated: GeneratedModel, *, threads: int | None = None
    ) -> None:
        require_edges(generated)
        self.image = image
        self.generated = generated
        self._threads = max(1, threads or min(os.cpu_count() or 1, 8))
        self._invoke, self._reset, needed = self._symbols()
        names = Elf(image.elf).symbols.keys()
        layers = tuple(layer.function for layer in generated.layers)
        missing = [name for name in (*layers, *needed) if name not in names]
        if missing:
            raise another_model(image, f"has no {missing[0]}")
        self._listens = {_FEATURES, _CLIP} <= names
        self._scopes = (*layers, self._invoke, *((_FEATURES, _HOP, _ROW) if self._listens else ()))
        self._benches = [self._bench()]
        self.machine = self._benches[0].machine
        banner = self._benches[0].banner
        if generated.model_hash and f"model {generated.model_hash}" not in banner:
            raise another_model(image, f"says: {banner.strip()!r}")
        found = re.search(r"ready samples (\d+)", banner)
        self.clip_samples = int(found.group(1)) if found else 0

    # --- what another runtime than the generated C does differently ---

    def _symbols(self) -> tuple[str, str, tuple[str, ...]]:
        """Functions that run the model and make it forget; what else the firmware must have."""
        prefix = self.generated.prefix
        return f"{prefix}_invoke", f"{prefix}_reset", (self.generated.arena_symbol,)

    def _bench(self) -> Bench:
        """Start one more board."""
        generated = self.generated
        arena = Elf(self.image.elf).symbols[generated.arena_symbol]
        copies = {f.function: (arena + f.offset, f.nbytes) for f in generated.layers}
        machine = Machine(self.image, {name: copies.get(name) for name in self._scopes})
        banner = machine.boot()
        output = generated.outputs[0]
        return Bench(
            machine,
            banner,
            tuple(machine.view(arena + edge.offset, edge.nbytes) for edge in generated.inputs),
            machine.view(arena + output.offset, output.nbytes),
        )

    def _infer(self, machine: Machine) -> None:
        """Run the model once."""
        machine.call(self._invoke)

    def _shown(self) -> dict[int, Slot]:
        """Tensor -> what is known of it, of all that a trace shows beside the input."""
        return {layer.output: layer for layer in self.generated.layers}

    def _values(self, bench: Bench, slot: Slot) -> NDArray[np.uint8]:
        """The bytes of one of them after a run."""
        assert isinstance(slot, LayerSlot)
        return bench.machine.copies[slot.function]

    # --- what all do ---

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; every layer's output and the input itself are in the trace.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype; with
                steps after the batch where the model has states.

        Raises:
            ModelError: the shape or type of `inputs` is another.
            CortexMFault: the generated code faults.
        """
        recorder = Recorder(self.generated, inputs, self._shown())

        def one(bench: Bench, clip: int) -> None:
            bench.machine.restore()
            if self.generated.states:
                bench.machine.call(self._reset)
            for step, values in enumerate(recorder.inputs[clip]):
                bench.feed(values)
                self._infer(bench.machine)
                for tensor, slot in recorder.shown.items():
                    recorder.rows[tensor][clip, step] = self._values(bench, slot)

        self._share(recorder.batch.clips, one)
        return recorder.trace()

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        """(batch, clip samples) int16 -> (batch, *input shape without its leading 1) int8.

        Clips longer than the model's window give the features of their last window. Of a model that
        is run in several steps, it is (batch, steps, *input shape without its leading 1).

        Raises:
            ModelError: the firmware has no front-end, or the clips are too short or too long.
            CortexMFault: the front-end faults.
        """
        shape, steps = clip_shape(self.generated.inputs[0].shape), self.generated.steps
        if steps == 1:
            return self._clips(clips, _FEATURES, lambda bench: bench.input, (len(clips), *shape))

        def fed(bench: Bench) -> NDArray[np.uint8]:
            parts = []
            for step in range(steps):
                bench.machine.call(_FEED, step)
                parts.append(bench.input.copy())
            return np.concatenate(parts)

        return self._clips(clips, _FEATURES, fed, (len(clips), steps, *shape))

    def posteriors(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        """(batch, clip samples) int16 -> (batch, classes) int8, through the whole application.

        Raises:
            ModelError: as for `features`.
            CortexMFault: the firmware faults.
        """
        shape = clip_shape(self.generated.outputs[0].shape)
        return self._clips(clips, _CLIP, lambda bench: bench.output, (len(clips), *shape))

    def run_clip(self, pcm: NDArray[np.int16]) -> NDArray[np.int8]:
        """One clip of int16 samples -> (classes,) int8.

        Raises:
            ModelError: as for `features`.
            CortexMFault: the firmware faults.
        """
        scores: NDArray[np.int8] = self.posteriors(pcm[np.newaxis])[0]
        return scores

    def profile(self, pcm: NDArray[np.int16] | None = None, seed: int = 0) -> Profile:
        """Count the instructions of one clip; noise from `seed` unless a clip is given.

        Raises:
            ModelError: as for `features`.
            CortexMFault: the firmware faults.
        """
        machine, layers = self.machine, self.generated.layers
        machine.restore()
        machine.counter.clear()
        rng = np.random.default_rng(seed)
        if self._listens:
            if pcm is None:
                pcm = rng.integers(-8000, 8000, self.clip_samples).astype(np.int16)
            self._hear(machine, pcm, _CLIP)
        else:
            nbytes = sum(edge.nbytes for edge in self.generated.inputs)
            self._benches[0].feed(rng.integers(0, 256, nbytes).astype(np.uint8))
            self._infer(machine)
        instructions, calls = (list(map(int, a)) for a in machine.counter.scopes())
        count = len(layers)
        steps = calls[count]
        rows = calls[count + 3] if self._listens else 0
        return Profile(
            total=machine.counter.total,
            model=instructions[count],
            features=instructions[count + 1] if self._listens else 0,
            per_frame=-(-instructions[count + 2] // rows) if rows else 0,
            layers=tuple(
                LayerCost(f.op_index, f.kind, f.function, instructions[i], f.macs * steps)
                for i, f in enumerate(layers)
            ),
            functions=machine.counter.by_function(machine.elf),
            stack_bytes=machine.stack_used(),
            code_bytes=code_bytes(self.image),
        )

    def _clips(
        self,
        clips: NDArray[np.int16],
        function: str,
        source: Callable[[Bench], NDArray[np.uint8]],
        shape: tuple[int, ...],
    ) -> NDArray[np.int8]:
        if clips.ndim != 2 or clips.dtype != np.int16:
            raise ModelError(
                "Clips must be int16 of shape (batch, samples). Received: "
                f"{clips.dtype} of {clips.shape}."
            )
        out = np.empty((len(clips), math.prod(shape[1:])), np.uint8)

        def one(bench: Bench, clip: int) -> None:
            bench.machine.restore()
            self._hear(bench.machine, clips[clip], function)
            out[clip] = source(bench)

        self._share(len(clips), one)
        return out.view(np.int8).reshape(shape)

    def _share(self, count: int, one: Callable[[Bench, int], None]) -> None:
        """Do `one` for every clip; Unicorn runs without the interpreter's lock."""
        wanted = min(self._threads, count)
        while len(self._benches) < wanted:
            self._benches.append(self._bench())

        stop = threading.Event()

        def part(worker: int) -> None:
            try:
                for clip in range(worker, count, wanted):
                    if stop.is_set():
                        return
                    one(self._benches[worker], clip)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(max(wanted, 1)) as pool:
            try:
                list(pool.map(part, range(wanted)))
            finally:  # Ctrl-C must not wait for the clips that are left
                stop.set()

    def _hear(self, machine: Machine, pcm: NDArray[np.int16], function: str) -> None:
        if not self._listens:
            raise ModelError(
                "Firmware must have a front-end to hear clips. Received: a bare model."
            )
        if not self.clip_samples <= pcm.size <= _MOST_SAMPLES:
            raise ModelError(
                f"A clip must have {self.clip_samples} to {_MOST_SAMPLES} samples. "
                f"Received: {pcm.size}."
            )
        data = np.ascontiguousarray(pcm, dtype="<i2").view(np.uint8)
        machine.view(HOST_WINDOW, data.size)[:] = data
        if machine.call(function, HOST_WINDOW, pcm.size) != 1:
            raise ModelError(f"{function} must accept a clip. Received: {pcm.size} samples.")
