"""What `wakesmith simulate` does: sound into an emulated board's microphone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_frontend import emit_frontend
from firmware.application import build_application
from firmware.board import load_board
from simulate.listening import listening_sources
from simulate.playing import Played, play, require_microphone
from train.audio import read_clip
from wakesmith.built import Built, open_built
from wakesmith.console import Meter
from wakesmith.steps.convert import generate_from


def simulate_sound(
    sound: Path,
    project: Path,
    *,
    board: str | None,
    out: Path | None,
    say: Callable[[str], object],
) -> bool:
    """Build the application for a board, play a recording into its microphone, print what it says.

    Args:
        sound: WAV or FLAC file of any rate.
        project: a built project.
        board: its name; the project's unless told.
        out: build folder.
        say: prints a line.

    Returns:
        False when the firmware reported an error or the chip was reset.

    Raises:
        UserError: the project is not built, the recording cannot be used, or the board has no
            microphone that is modelled.
        FirmwareError: there is no such board, or the application does not fit it.
    """
    built = open_built(project, out)
    pcm = read_clip(sound).pcm
    with Meter("simulating") as meter:
        played = _play(built, board or built.project.firmware.board, pcm, meter)
    for line in played.lines:
        say(f"{line.seconds:9.3f} s  {line.text}")
    for reason in played.resets:
        say(f"The chip was reset: {reason}.")
    overruns = sum(" overrun " in f" {text}" for text in played.errors)
    say(
        f"{len(played.events)} events and {overruns} overruns in {played.seconds:.1f} s; "
        f"the core was busy for {100 * played.busy:.1f} % of it."
    )
    return not played.errors and not played.resets


def _play(built: Built, name: str, pcm: NDArray[np.int16], meter: Meter) -> Played:
    project, labels = built.project, built.data.classes
    board = load_board(name)
    require_microphone(board)
    listening = listening_sources(
        built.graph,
        labels,
        project.frontend,
        project.samples,
        words=project.project.words,
        detect=project.detect,
    )
    meter(0, 0, f"compiling for {name}")
    # The C that a build for this board has, whatever board the project names.
    code = replace(project.firmware.code, kernels=board.core.kernels)
    generated = generate_from(built.graph, labels, project.frontend, project.samples, code)
    with tempfile.TemporaryDirectory(prefix="wakesmith") as folder:
        image = build_application(
            generated.files,
            emit_frontend(project.frontend),
            board,
            listening=listening,
            out_dir=Path(folder),
            title=project.project.name,
            kernels=generated.kernels,
            compiler=project.firmware.compiler,
        )
        return play(
            image,
            pcm,
            progress=lambda done, whole: meter(done, whole, f"{done / 1000:.1f} s played"),
        )
