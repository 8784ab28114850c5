"""TFLite Micro in a process that is thrown away before it has grown too large.

The wheel's `GetTensor`, the only way to see a layer, keeps every array that it returns: 75 kB per
clip of a small keyword model. Nothing inside the process can free them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_CHILD = Path(__file__).with_name("tflm_child.py")
MOST_LOST = 256 << 20  # bytes that a process may lose


class Worker:
    """Runs clips in a child process, and starts a new one after every `MOST_LOST` bytes.

    Args:
        model: bytes of a .tflite, which is known to run.
        arena: bytes of the arena.
        tensors: which to return, in this order.
        nbytes: of all of them together, per run.
        inputs: how many the model has.
        stateful: the model has variables, which are reset before each clip.
    """

    def __init__(
        self,
        model: bytes,
        arena: int,
        tensors: Sequence[int],
        nbytes: int,
        *,
        inputs: int = 1,
        stateful: bool = False,
    ) -> None:
        self._model = model
        options = ("reset",) if stateful else ()
        shown = ",".join(map(str, tensors))
        self._arguments = ("serve", str(arena), shown, str(inputs), *options)
        self._nbytes = nbytes
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  (gone with this object)
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = 0

    def run(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(clips, steps, bytes of all inputs) -> (clips, steps, `nbytes`).

        Raises:
            ChildProcessError: the child ended early; the message is what it said.
        """
        found = np.empty((*inputs.shape[:2], self._nbytes), np.uint8)
        per_clip = inputs.shape[1] * self._nbytes
        some = max(1, MOST_LOST // max(per_clip, 1))
        for start in range(0, len(inputs), some):
            part = inputs[start : start + some]
            if self._lost + len(part) * per_clip > MOST_LOST:
                self.close()
            found[start : start + some] = self._exchange(part)
            self._lost += len(part) * per_clip
        return found

    def close(self) -> None:
        """End the child; the next `run` starts another."""
        process, self._process, self._lost = self._process, None, 0
        if process is not None:
            process.kill()
            process.communicate()

    def _exchange(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        process = self._started()
        runs = inputs.shape[0] * inputs.shape[1]
        assert process.stdin is not None and process.stdout is not None
        try:
            # The child reads all of it before it answers, so neither waits for the other.
            head = len(inputs).to_bytes(8, "little") + inputs.shape[1].to_bytes(8, "little")
            process.stdin.write(head + inputs.tobytes())
            process.stdin.flush()
            answer = process.stdout.read(runs * self._nbytes)
        except BrokenPipeError:
            answer = b""
        except BaseException:  # Ctrl-C leaves a child with half a message
            self.close()
            raise
        if len(answer) != runs * self._nbytes:
            self.close()
            self._words.seek(0)
            raise ChildProcessError(self._words.read().decode(errors="replace"))
        return np.frombuffer(answer, np.uint8).reshape(*inputs.shape[:2], self._nbytes)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._words.truncate(0)
            self._process = subprocess.Popen(
                [sys.executable, str(_CHILD), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
            )
            assert self._process.stdin is not None
            self._process.stdin.write(len(self._model).to_bytes(8, "little") + self._model)
        return self._process
