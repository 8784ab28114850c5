"""`wakesmith simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    sound: Annotated[
        Path, typer.Argument(metavar="SOUND", help="WAV or FLAC file.", show_default=False)
    ],
    project: Annotated[
        Path | None,
        typer.Argument(
            metavar="PROJECT.toml",
            help="A built project; the only one in this folder unless told.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", help="The board; the project's unless told."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Build folder of the project.")
    ] = None,
) -> None:
    """Play a recording into the microphone of an emulated board.

    Builds the application for the board and runs it, with the board's own drivers, against models
    of the chip's peripherals, in real time of the emulated clock. Prints what the firmware says.

    Example:  wakesmith simulate --board nrf52840dk speech.wav examples/digits.toml
    """
    from wakesmith.playing import simulate_sound

    if not simulate_sound(sound, project, board=board, out=out, say=typer.echo):
        raise typer.Exit(1)
