"""The `qemu` back end: a bare model on a core that only QEMU has, layer by layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel
from firmware.image import Image
from simulate.backend import Trace, batch_of, clip_shape
from simulate.cortexm import LayerCost, Profile
from simulate.gdb import GdbBoard
from simulate.hardware import STACK_PAINT


class QemuBackend:
    """Runs a bare image in QEMU; see `simulate.backend.Backend`. Use `close`, or `with`.

    Args:
        image: made from `generated` by `firmware.application.build_bare`.
        generated: says where each layer leaves its output.
        counting: for `profile`; slower.

    Raises:
        UserError: QEMU is missing, or the image was made from another model.
        ModelError: a model with several inputs, or the firmware does not get ready.
    """

    name = "qemu"

    def __init__(self, image: Image, generated: GeneratedModel, counting: bool = False) -> None:
        if len(generated.inputs) != 1 or not generated.outputs:
            raise ModelError(
                f"A model must have one input to be run. Received: {len(generated.inputs)}."
            )
        if generated.model_hash.encode() not in image.bin.read_bytes():
            raise UserError(
                "Firmware must hold the model that it is compared with. Received: "
                f"{image.elf}, which has another."
            )
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
        edge = generated.inputs[0]
        batch = batch_of(inputs, edge.shape, edge.dtype, bool(generated.states))
        raw = batch.data.reshape(batch.clips, batch.steps, -1).view(np.uint8)
        rows = {
            layer.output: np.empty((batch.clips, batch.steps, layer.nbytes), np.uint8)
            for layer in generated.layers
        }
        for clip in range(batch.clips):
            if generated.states:
                self.board.call(f"{generated.prefix}_reset")
            for step in range(batch.steps):
                self.board.write(self._arena + edge.offset, raw[clip, step].tobytes())
                for layer in generated.layers:
                    self.board.call(layer.function)
                    values = self.board.read(self._arena + layer.offset, layer.nbytes)
                    rows[layer.output][clip, step] = np.frombuffer(values, np.uint8)
        found: Trace = {edge.tensor: batch.data.reshape(inputs.shape)}
        for layer in generated.layers:
            shape = (batch.clips, *batch.lead, *clip_shape(layer.shape))
            found[layer.output] = rows[layer.output].view(layer.dtype).reshape(shape)
        return found

    def profile(self, seed: int = 0) -> Profile:
        """Count the instructions of one run on noise; `functions` are not known here.

        Each figure is exact to one instruction (see `simulate.gdb`). Layers are counted in a second
        run, one by one.

        Raises:
            ModelError: the generated code faults.
        """
        generated = self.generated
        edge = generated.inputs[0]
        noise = np.random.default_rng(seed).integers(0, 256, edge.nbytes).astype(np.uint8)
        place, data = self._arena + edge.offset, noise.tobytes()
        self.board.write(place, data)
        total = self.board.call(f"{generated.prefix}_invoke")
        self.board.write(place, data)
        layers = tuple(
            LayerCost(f.op_index, f.kind, f.function, self.board.call(f.function), f.macs)
            for f in generated.layers
        )
        return Profile(
            total=total,
            model=total,
            features=0,
            per_frame=0,
            layers=layers,
            functions={},
            stack_bytes=self._stack_used(),
            code_bytes=sum(s.size for s in self.image.sections if s.place == "code"),
        )

    def _stack_used(self) -> int:
        """Bytes of stack touched since reset: from the lowest word that is not paint."""
        low = self.board.elf.symbols["__stack_limit"]
        words = np.frombuffer(self.board.read(low, self.image.stack_bytes), "<u4")
        touched = np.flatnonzero(words != STACK_PAINT)
        return int(words.size - touched[0]) * 4 if touched.size else 0
