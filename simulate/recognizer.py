"""Clips over the serial line of an emulated board, as one would send them to a real one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from firmware.image import Image
from simulate.machine import Machine
from simulate.machine_line import MachineLine
from simulate.protocol import Board, scores_of


@dataclass(frozen=True)
class Heard:
    """What the firmware answered to one clip.

    Attributes:
        label: text of the best class.
        index: of that class.
        scores: int8, one per class.
        lines: the answer as the console carried it.
    """

    label: str
    index: int
    scores: tuple[int, ...]
    lines: tuple[str, ...]


class Recognizer:
    """Sends clips over the console, as one would to a board, and reads what comes back.

    Args:
        image: firmware made by `firmware.application.build_application`.

    Raises:
        UserError: the firmware does not get ready for clips.
        CortexMFault: it faults.
    """

    def __init__(self, image: Image) -> None:
        self.machine = Machine(image)
        self.banner = self.machine.boot()
        found = re.search(r"ready samples (\d+)", self.banner)
        if found is None:
            raise UserError(
                f"Firmware must get ready for clips. Received: {self.banner.strip()!r}."
            )
        self.clip_samples = int(found.group(1))
        self._line = MachineLine(self.machine)
        self.board = Board(self._line)
        self._labels: tuple[str, ...] = ()

    def send(self, data: bytes, patience_ms: int = 0) -> tuple[str, ...]:
        """Any bytes over the UART, then silence; the lines that come back."""
        self._line.feed(data, patience_ms)
        return self._line.rest()

    def recognize(self, pcm: NDArray[np.int16]) -> Heard:
        """One clip of 16 kHz mono int16.

        Raises:
            UserError: the firmware refuses the clip.
            CortexMFault: it faults.
        """
        if not self._labels:
            self._labels = tuple(label.text for label in self.board.info().labels)
        lines = self.board.inject(pcm)
        scores = scores_of(lines)[-1]
        index = int(np.argmax(scores))
        return Heard(self._labels[index], index, scores, lines)


def recognize(image: Image, pcm: NDArray[np.int16]) -> tuple[str, ...]:
    """The lines that the firmware prints for one clip of 16 kHz mono int16.

    Raises:
        UserError: the firmware refuses the clip.
        CortexMFault: it faults.
    """
    return Recognizer(image).recognize(pcm).lines
