"""The `qemu` back end: a bare model on a core that only QEMU has, layer by layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.generated import GeneratedModel
from firmware.image import Image
from simulate.backend import Trace
from simulate.costs import LayerCost, Profile, code_bytes, stack_used
from simulate.gdb import GdbBoard
from simulate.generated_runs import Recorder, another_model, require_edges


class QemuBackend:
    """Runs a bare image in QEMU; see `simulate.backend.Backend`. Use `close`, or `with`.

    Args:
        image: made from `generated` by `firmware.application.build_bare`.
        generated: says where each layer leaves its output.
        counting: for `profile`; slower.

    Raises:
        UserError: QEMU is missing, or the image was made from another model.
        ModelError: a model without inputs, or the firmware does not get ready.
    """

    name = "qemu"

    def __init__(self, image: Image, generated: GeneratedModel, counting: bool = False) -> None:
        require_edges(generated)
        if generated.model_hash.encode() not in image.bin.read_bytes():
            raise another_model(image, "has another")
        self.image = image
        self.generated = generated
        self.board = GdbBoard(image, counting)
        self._arena = self.board.elf.symbols[generated.arena_symbol]

    def __enter__(self) -> QemuBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch the board off."""
        self.board.close()

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; every layer's output and the input itself are in the trace.

        Args:
            inputs: as for `simulate.cortexm.CortexMBackend.run`.

        Raises:
            ModelError: the shape or type of `inputs` is another, or the generated code faults.
        """
        generated = self.generated
        recorder = Recorder(generated, inputs, {layer.output: layer for layer in generated.layers})
        for clip, steps in enumerate(recorder.inputs):
            if generated.states:
                self.board.call(f"{generated.prefix}_reset")
            for step, values in enumerate(steps):
                self._feed(values.tobytes())
                for layer in generated.layers:
                    self.board.call(layer.function)
                    found = self.board.read(self._arena + layer.offset, layer.nbytes)
                    recorder.rows[layer.output][clip, step] = np.frombuffer(found, np.uint8)
        return recorder.trace()

    def _feed(self, data: bytes) -> None:
        """Write all inputs, whose bytes are behind one another."""
        start = 0
        for edge in self.generated.inputs:
            self.board.write(self._arena + edge.offset, data[start : start + edge.nbytes])
            start += edge.nbytes

    def profile(self, seed: int = 0) -> Profile:
        """Count the instructions of one run on noise; `functions` are not known here.

        Each figure is exact to one instruction (see `simulate.gdb`). Layers are counted in a second
        run, one by one.

        Raises:
            ModelError: the generated code faults.
        """
        generated = self.generated
        nbytes = sum(edge.nbytes for edge in generated.inputs)
        data = np.random.default_rng(seed).integers(0, 256, nbytes).astype(np.uint8).tobytes()
        self._feed(data)
        total = self.board.call(f"{generated.prefix}_invoke")
        self._feed(data)
        layers = tuple(
            LayerCost(f.op_index, f.kind, f.function, self.board.call(f.function), f.macs)
            for f in generated.layers
        )
        stack = self.board.read(self.board.elf.symbols["__stack_limit"], self.image.stack_bytes)
        return Profile(
            total=total,
            model=total,
            features=0,
            per_frame=0,
            layers=layers,
            functions={},
            stack_bytes=stack_used(np.frombuffer(stack, np.uint8)),
            code_bytes=code_bytes(self.image),
        )
