"""The host's side of the serial protocol (docs/PROTOCOL.md), over any way to exchange lines."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError

VERSION = 1
BLOCK_SAMPLES = 80
_ATTEMPTS = 4
_NOT_ANSWERS = ("event ",)


class BoardError(UserError):
    """The board answered with an error, or with something else than its protocol has."""


class Line(Protocol):
    """Where lines go in and come out."""

    def send(self, line: str) -> None:
        """One line, without its end."""
        ...

    def receive(self) -> str:
        """The next line, without its end.

        Raises:
            UserError: none comes.
        """
        ...


@dataclass(frozen=True)
class Label:
    """One output of the model.

    Attributes:
        text: the label.
        threshold: sum of averaged posteriors that makes an event, 2^31 - 1 for no word.
    """

    text: str
    threshold: int


@dataclass(frozen=True)
class Info:
    """What a board tells of itself.

    Attributes:
        values: word -> rest of the line, for every line of one value.
        labels: of the model's outputs.
    """

    values: dict[str, str]
    labels: tuple[Label, ...] = field(default=())

    def __getitem__(self, name: str) -> str:
        """One value.

        Raises:
            BoardError: the board did not tell it.
        """
        try:
            return self.values[name]
        except KeyError:
            raise BoardError(f"A board must tell its {name}. Received: info without it.") from None

    @property
    def samples(self) -> int:
        """Of the model's window."""
        return int(self["samples"])


class Board:
    """A board that obeys the protocol.

    Args:
        line: how to reach it.
        heard: gets `event` lines and errors that come between answers.
    """

    def __init__(self, line: Line, heard: Callable[[str], object] | None = None) -> None:
        self._line = line
        self._heard = heard

    def ask(self, command: str) -> tuple[str, ...]:
        """The lines of an answer, without its closing `ok`.

        Raises:
            BoardError: the answer is an error.
            UserError: no answer comes.
        """
        word = command.split(" ")[0]
        self._line.send(command)
        return self._answer(word)

    def info(self) -> Info:
        """What the board tells of itself.

        Raises:
            BoardError: it speaks another version of the protocol, or another one.
        """
        values: dict[str, str] = {}
        labels: list[Label] = []
        for line in self.ask("info"):
            word, _, rest = line.partition(" ")
            if word == "label":
                found = re.fullmatch(r"(\d+) (-?\d+) (.*)", rest)
                if found is None or int(found[1]) != len(labels):
                    raise BoardError(f"A label must follow the protocol. Received: {line!r}.")
                labels.append(Label(found[3], int(found[2])))
            else:
                values[word] = rest
        version = values.get("protocol", "none")
        if version != str(VERSION):
            raise BoardError(
                f"The board must speak version {VERSION} of the protocol. Received: {version}. "
                "Build and flash its firmware again."
            )
        return Info(values, tuple(labels))

    def inject(
        self,
        pcm: NDArray[np.int16],
        mode: str = "clip",
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[str, ...]:
        """Let the board hear samples; its `scores` and `event` lines.

        Args:
            pcm: (samples,) int16.
            mode: "clip" for the posteriors of the last window, "stream" for all, and events.
            progress: told samples that the board has, and all of them.

        Raises:
            BoardError: the board refuses them.
        """
        data = np.ascontiguousarray(pcm, dtype="<i2").tobytes()
        self._line.send(f"inject {pcm.size} {mode}")
        lines: list[str] = []
        errors: list[str] = []
        while True:
            line = self._line.receive()
            word = line.split(" ")[0]
            if word == "error":
                errors.append(line)
                if len(errors) > _ATTEMPTS or not self._asks_again(line):
                    raise BoardError(f"The board must take the samples. Received: {line[6:]}.")
            elif line == "ok inject":
                return tuple(lines)
            elif word in ("scores", "event"):
                lines.append(line)
            elif word == "send":
                index, left = self._numbers(line)
                start = 2 * BLOCK_SAMPLES * index
                if start >= len(data) or len(data) - start != 2 * left:
                    raise BoardError(f"The board must ask for what is left. Received: {line!r}.")
                progress(pcm.size - left, pcm.size)
                self._line.send(pcm_line(index, data[start : start + 2 * BLOCK_SAMPLES]))
            else:
                raise BoardError(f"The board must follow the protocol. Received: {line!r}.")

    @staticmethod
    def _asks_again(line: str) -> bool:
        """Whether this error is followed by a request for the same block."""
        return line.startswith(("error pcm must", "error a line must", "error a command must"))

    @staticmethod
    def _numbers(line: str) -> tuple[int, int]:
        found = re.fullmatch(r"send (\d+) (\d+)", line)
        if found is None:
            raise BoardError(f"The board must ask with two numbers. Received: {line!r}.")
        return int(found[1]), int(found[2])

    def _answer(self, word: str) -> tuple[str, ...]:
        lines: list[str] = []
        while True:
            line = self._line.receive()
            if line == f"ok {word}":
                return tuple(lines)
            if line.startswith(_NOT_ANSWERS):
                if self._heard is not None:
                    self._heard(line)
            elif line.startswith("error "):
                raise BoardError(f"The board must obey {word}. Received: {line[6:]}.")
            else:
                lines.append(line)


def pcm_line(index: int, data: bytes) -> str:
    """One block of samples (little-endian int16) as a line, without its end."""
    return f"pcm {index} {zlib.crc32(data):08x} {base64.b64encode(data).decode('ascii')}"


def scores_of(lines: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """The int8 posteriors of `scores` lines.

    Raises:
        BoardError: there is none, or one that holds something else.
    """
    found = [line.split()[2:] for line in lines if line.startswith("scores ")]
    try:
        scores = tuple(tuple(int(value) for value in one) for one in found)
    except ValueError as error:
        raise BoardError(f"Posteriors must be numbers. Received: {error}.") from None
    if not scores:
        raise BoardError(f"The board must tell posteriors. Received: {list(lines)[:3]}.")
    return scores
