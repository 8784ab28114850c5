"""What `wakesmith device` and `wakesmith monitor` do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.detector import DetectorPlan
from convert.errors import UserError
from convert.frontend import FrontEnd
from simulate.protocol import Board, BoardError, Info, scores_of
from train.audio import fit_length, read_clip
from wakesmith.built import open_built
from wakesmith.console import Meter
from wakesmith.device.port import SerialLine
from wakesmith.hearing import Hearing

Say = Callable[[str], object]

_NO_WORD = 2**31 - 1


def greet(line: SerialLine) -> tuple[Board, Info]:
    """Find out who is there.

    What a board that listens has said is dropped; a half-sent line is ended first.

    Raises:
        UserError: nobody answers, or in another version of the protocol.
    """
    line.send("")
    line.drain()
    board = Board(line)
    return board, board.info()


def show_info(line: SerialLine, say: Say) -> bool:
    """Print what the board tells of itself."""
    _, info = greet(line)
    for name, value in info.values.items():
        say(f"{name:<10}{value}")
    words = (one.text + (" (no word)" if one.threshold == _NO_WORD else "") for one in info.labels)
    say(f"{'labels':<10}{', '.join(words)}")
    return info["image"].endswith(" ok")


def run_selftest(line: SerialLine, say: Say) -> bool:
    """Let the board check itself; False when it finds a mistake."""
    board, _ = greet(line)
    try:
        lines = board.ask("selftest")
    except BoardError as error:
        say(str(error))
        return False
    for one in lines:
        say(one.removeprefix("check "))
    say("all answers are those of the build")
    return True


def run_bench(line: SerialLine, say: Say) -> bool:
    """Print the cycles of features, model and layers."""
    board, info = greet(line)
    values = [one.rsplit(" ", 1) for one in board.ask("bench")]
    try:
        counts = [(name, int(cycles)) for name, cycles in values]
        numbers = dict(counts)
        clock, hop, rate = numbers["clock"], int(info["hop"]), int(info["rate"])
        every, result = int(info["detect"].split()[0]), numbers["result"]
        hop_cycles = numbers["hop"]
    except (ValueError, KeyError, IndexError) as error:
        raise BoardError(f"bench must follow the protocol. Received: {values[:3]}.") from error
    for name, cycles in counts:
        if name not in ("clock", "runs"):
            say(f"{name:<32}{cycles:>14,} cycles{1000 * cycles / clock:>11.3f} ms")
    seconds = hop / rate
    share = (hop_cycles + result / every) / (seconds * clock)
    say(f"{share:.1%} of real time at {clock / 1e6:g} MHz, with the model every {every} hops")
    return True


def inject_clip(
    line: SerialLine, clip: Path, project: Path, out: Path | None, *, stream: bool, say: Say
) -> bool:
    """Let the board hear a clip; False when its posteriors differ from the simulator's.

    Args:
        line: to the board.
        clip: WAV or FLAC of any rate.
        project: built, for the board's firmware.
        out: build folder.
        stream: the whole recording and its events, in place of its last window.
        say: prints a line.

    Raises:
        UserError: the board holds another model or front-end, or the clip cannot be used.
    """
    hearing = Hearing(open_built(project, out))
    built = hearing.built
    pcm = read_clip(clip).pcm
    board, info = greet(line)
    _check_same(info, built.graph.model_hash, built.project.frontend, project)
    if stream:
        _check_detector(info, hearing.plan, project)
        expected: tuple[str, ...] = tuple(
            told for result in hearing.stream(pcm) for told in result.lines()
        )
        found = _inject(board, pcm, "stream")
        for told in found:
            if told.startswith("event "):
                say(told)
        return _compare(found, expected, say)
    pcm = fit_length(pcm, built.project.samples)
    scores = hearing.clip(pcm)
    found = _inject(board, pcm, "clip")
    answer = scores_of(found)[-1]
    best = max(range(len(answer)), key=answer.__getitem__)
    say(f"{info.labels[best].text} {(answer[best] + 128) / 256:.1%}")
    told = " ".join(map(str, scores))
    return _compare((" ".join(map(str, answer)),), (told,), say)


def _inject(board: Board, pcm: NDArray[np.int16], mode: str) -> tuple[str, ...]:
    """`Board.inject` with a bar: at 115200 baud, base64 takes 3.7 times the sound's length."""
    with Meter("injecting") as meter:
        return board.inject(
            pcm, mode, progress=lambda done, total: meter(done, total, "sending sound")
        )


def monitor(line: SerialLine, say: Say, command: str | None = None) -> None:
    """Print what the board says until Ctrl-C.

    Args:
        line: to the board.
        say: prints a line.
        command: sent first.
    """
    if command:
        line.send(command)
    while True:
        told = line.arrived(0.5)
        if told is not None:
            say(told)


def _check_same(info: Info, model_hash: str, fe: FrontEnd, project: Path) -> None:
    for name, mine in (("model", model_hash), ("frontend", fe.hash())):
        if info[name] != mine:
            raise UserError(
                f"The board must hold the {name} of {project}. Received: {info[name][:16]} on the "
                f"board, {mine[:16]} in the build. Run wakesmith flash."
            )


def _check_detector(info: Info, plan: DetectorPlan, project: Path) -> None:
    mine = f"{plan.every} {plan.average} {plan.pause}", tuple(map(int, plan.threshold))
    board = info["detect"], tuple(label.threshold for label in info.labels)
    if board != mine:
        raise UserError(
            f"The board must have the [detect] settings of {project}. "
            f"Received: {_settings(*board)} on the board, {_settings(*mine)} in the file. "
            "Run wakesmith build and wakesmith flash."
        )


def _settings(times: str, thresholds: tuple[int, ...]) -> str:
    told = (str(one) if one != _NO_WORD else "none" for one in thresholds)
    return f"{times} with thresholds {', '.join(told)}"


def _compare(found: tuple[str, ...], expected: tuple[str, ...], say: Say) -> bool:
    """Whether all lines are equal; the first that is not is told."""
    if found == expected:
        say(f"equal to the simulator bit for bit, {len(found)} results")
        return True
    for mine, theirs in zip(expected, found, strict=False):
        if mine != theirs:
            say(f"differs: the board says {theirs!r}, the simulator {mine!r}")
            return False
    say(f"differs: the board says {len(found)} results, the simulator {len(expected)}")
    return False
