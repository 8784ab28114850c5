"""A model on TFLite Micro in QEMU: inputs and outputs over the console of a bare image."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel
from firmware.image import Image
from simulate.backend import Trace
from simulate.generated_runs import Recorder, another_model, require_edges
from simulate.qemu import QemuBoard

_SECONDS = 120.0


class QemuTflmBackend:
    """See `simulate.backend.Backend`; the trace has the model's input and output.

    Inputs lie in memory that the image does not use, as many as fit; the console only says which
    one is next.

    Args:
        image: made by `firmware.tflm_build.build_tflm_bare`.
        generated: the interpreter-free C of the same model, for its shapes.
    """

    name = "qemu"

    def __init__(self, image: Image, generated: GeneratedModel) -> None:
        require_edges(generated, most=1)
        self.image = image
        self.generated = generated
        board = image.board
        # From the middle of the RAM: the image's own data and stack lie at its start.
        self._free = board.ram_origin + board.ram_size // 2
        self._room = board.ram_size // 2

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; see `simulate.backend.Backend.run`.

        Raises:
            UserError: QEMU is missing or does not start, or TFLite Micro refuses the model.
            ModelError: the shape or type of `inputs` is another, or an inference fails.
        """
        edge, result = self.generated.inputs[0], self.generated.outputs[0]
        recorder = Recorder(self.generated, inputs, {result.tensor: result})
        batch, raw, found = recorder.batch, recorder.inputs, recorder.rows[result.tensor]
        at_once = max(1, self._room // max(1, batch.steps * edge.nbytes))
        for start in range(0, batch.clips, at_once):
            block = raw[start : start + at_once]
            with self._started(block) as board:
                for clip in range(len(block)):
                    board.send(b"r")
                    for step in range(batch.steps):
                        place = self._free + (clip * batch.steps + step) * edge.nbytes
                        found[start + clip, step] = self._infer(board, place)
        return recorder.trace()

    def instructions(self, one: NDArray[np.generic]) -> int:
        """Of one run of the model, on one input (of its shape, without its leading 1).

        QEMU is told that an instruction takes a nanosecond, and the board's cycle counter is read
        before and after; a cycle is 1e9 / clock_hz instructions, so the last digits are lost.

        Raises:
            UserError: as for `run`.
            ModelError: as for `run`.
        """
        raw = np.ascontiguousarray(one).reshape(1, -1).view(np.uint8)
        with self._started(raw, "-icount", "shift=0") as board:
            self._infer(board, self._free)
            board.send(b"c")
            cycles = int(_line(board).removeprefix("cycles "))
        return round(cycles * 1e9 / self.image.board.clock_hz)

    @contextlib.contextmanager
    def _started(self, inputs: NDArray[np.uint8], *options: str) -> Iterator[QemuBoard]:
        """A board that is ready, with the inputs in its memory."""
        with tempfile.TemporaryDirectory(prefix="qemu") as folder:
            path = Path(folder) / "inputs"
            path.write_bytes(inputs.tobytes())
            load = f"loader,file={path},addr=0x{self._free:x},force-raw=on"
            with QemuBoard(self.image, ("-device", load, *options)) as board:
                said = [_line(board)]
                while said[-1] != "ready" and not said[-1].startswith("error "):
                    said.append(_line(board))
                if said[-1] != "ready":
                    raise UserError(
                        f"TFLite Micro must be able to run the model on {self.image.board.name}. "
                        f"Received: {said[-1].removeprefix('error ')}."
                    )
                if f"model {self.generated.model_hash}" not in said:
                    raise another_model(self.image, f"says: {' '.join(said)}")
                yield board

    def _infer(self, board: QemuBoard, place: int) -> NDArray[np.uint8]:
        board.send(b"i" + place.to_bytes(4, "little"))
        answer = _line(board)
        if not answer.startswith("out "):
            raise ModelError(
                "TFLite Micro must be able to run the model. Received: "
                f"{answer.removeprefix('error ')}."
            )
        return np.frombuffer(bytes.fromhex(answer.removeprefix("out ")), np.uint8)


def _line(board: QemuBoard) -> str:
    """The next line of the console."""
    return next(iter(board.lines(1, timeout_s=_SECONDS)), "error silence")
