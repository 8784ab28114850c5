"""`wakesmith simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import BuildFolder, SoundProject


def simulate(
    sound: Annotated[
        Path, typer.Argument(metavar="SOUND", help="WAV or FLAC file.", show_default=False)
    ],
    project: SoundProject = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="BOARD", help="Board to emulate.  [default: the project's]"),
    ] = None,
    out: BuildFolder = None,
) -> None:
    """Play a recording into the microphone of an emulated board.

    Builds the application for the board and runs it, with the board's own drivers, against models
    of the chip's peripherals, in real time of the emulated clock. Prints what the firmware says.

    Example:  wakesmith simulate --board nrf52840dk speech.wav --project examples/digits.toml
    """
    from wakesmith.playing import simulate_sound
    from wakesmith.project import find_project

    if not simulate_sound(sound, find_project(project), board=board, out=out, say=typer.echo):
        raise typer.Exit(1)
