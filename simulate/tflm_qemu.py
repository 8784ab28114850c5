"""A model on TFLite Micro in QEMU: inputs and outputs over the console of a bare image."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel
from firmware.image import Image
from simulate.backend import Trace, batch_of, clip_shape
from simulate.qemu import QemuBoard

_SECONDS = 120.0


class QemuTflmBackend:
    """See `simulate.backend.Backend`; the trace has the model's input and output. Use with `with`.

    Args:
        image: made by `firmware.tflm_build.build_tflm_bare`.
        generated: the interpreter-free C of the same model, for its shapes.
        counted: let QEMU run one instruction per nanosecond, so that the board's cycle counter
            counts instructions (`instructions`); it is slower.

    Raises:
        UserError: QEMU is missing or does not start, or TFLite Micro refuses the model.
    """

    name = "qemu"

    def __init__(self, image: Image, generated: GeneratedModel, *, counted: bool = False) -> None:
        self.image = image
        self.generated = generated
        self._board = QemuBoard(image, ("-icount", "shift=0") if counted else ())
        said: list[str] = []
        while not said or (said[-1] != "ready" and not said[-1].startswith("error ")):
            said.append(self._line())
        if said[-1] != "ready":
            self.close()
            raise UserError(
                f"TFLite Micro must be able to run the model on {image.board.name}. "
                f"Received: {said[-1].removeprefix('error ')}."
            )
        if f"model {generated.model_hash}" not in said:
            self.close()
            raise UserError(
                "Firmware must hold the model that it is compared with. Received: "
                f"{image.elf}, which says: {' '.join(said)}."
            )

    def __enter__(self) -> QemuTflmBackend:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switch the board off."""
        self._board.close()

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; see `simulate.backend.Backend.run`.

        Raises:
            ModelError: the shape or type of `inputs` is another, or an inference fails.
        """
        edge, result = self.generated.inputs[0], self.generated.outputs[0]
        batch = batch_of(inputs, edge.shape, edge.dtype, bool(self.generated.states))
        raw = batch.data.reshape(batch.clips, batch.steps, -1).view(np.uint8)
        found = np.empty((batch.clips, batch.steps, result.nbytes), np.uint8)
        for clip in range(batch.clips):
            self._board.send(b"r")
            for step in range(batch.steps):
                self._board.send(b"i" + raw[clip, step].tobytes())
                answer = self._line()
                if not answer.startswith("out "):
                    raise ModelError(
                        "TFLite Micro must be able to run the model. Received: "
                        f"{answer.removeprefix('error ') or 'silence'}."
                    )
                values = bytes.fromhex(answer.removeprefix("out "))
                found[clip, step] = np.frombuffer(values, np.uint8)
        shape = (batch.clips, *batch.lead, *clip_shape(result.shape))
        return {
            edge.tensor: batch.data.reshape(inputs.shape),
            result.tensor: found.view(result.dtype).reshape(shape),
        }

    def instructions(self) -> int:
        """Of the last run, from reading the counter to reading it again; needs `counted`.

        A nanosecond is an instruction and a cycle of the board takes 1e9 / clock_hz of them, so the
        last digits are lost.
        """
        self._board.send(b"c")
        cycles = int(self._line().removeprefix("cycles "))
        return round(cycles * 1e9 / self.image.board.clock_hz)

    def _line(self) -> str:
        """The next line of the console; "" when none comes."""
        return next(iter(self._board.lines(1, timeout_s=_SECONDS)), "error silence")
