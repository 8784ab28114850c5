"""`wakesmith device` and `wakesmith monitor` on the command line; imports only typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import BuildFolder, SoundProject

PortName = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        help="Serial port, such as /dev/ttyACM0 or COM3.  [default: the only USB one]",
    ),
]
Baud = Annotated[int, typer.Option(min=300, help="Bits per second.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that an answer may take.")]

device = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Ask a board that runs wakesmith's firmware.\n\n"
    "Example:  wakesmith device --port /dev/ttyACM0 info",
)


@device.callback()
def _line(
    context: typer.Context,
    port: PortName = None,
    baud: Baud = 115_200,
    timeout: Timeout = 10.0,
) -> None:
    """Ask a board that runs wakesmith's firmware.

    Example:  wakesmith device --port /dev/ttyACM0 info
    """
    context.obj = (port, baud, timeout)


def _do(context: typer.Context, action: str) -> None:
    from wakesmith.device import command
    from wakesmith.device.port import open_line

    port, baud, timeout = context.obj
    with open_line(port, baud=baud, patience_s=timeout) as line:
        if not getattr(command, action)(line, typer.echo):
            raise typer.Exit(1)


@device.command()
def info(context: typer.Context) -> None:
    """Show which model, labels and versions the board holds.

    Exits with 1 when its flash is damaged.

    Example:  wakesmith device --port /dev/ttyACM0 info
    """
    _do(context, "show_info")


@device.command()
def selftest(context: typer.Context) -> None:
    """Let the board check its image, its front-end and its model against the build's answers.

    Exits with 1 when something differs.

    Example:  wakesmith device --port /dev/ttyACM0 selftest
    """
    _do(context, "run_selftest")


@device.command()
def bench(context: typer.Context) -> None:
    """Measure features, model and every layer with the board's cycle counter.

    Example:  wakesmith device --port /dev/ttyACM0 bench
    """
    _do(context, "run_bench")


@device.command()
def inject(
    context: typer.Context,
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="WAV or FLAC file.")],
    project: SoundProject = None,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="The whole recording with its events, not its last window."),
    ] = False,
    out: BuildFolder = None,
) -> None:
    """Let the board hear a clip and compare its posteriors with the simulator's, bit for bit.

    Exits with 1 when they differ.

    Example:  wakesmith device --port /dev/ttyACM0 inject seven.wav --project examples/digits.toml
    """
    from wakesmith.device.command import inject_clip
    from wakesmith.device.port import open_line
    from wakesmith.project import find_project

    file = find_project(project)
    port, baud, timeout = context.obj
    with open_line(port, baud=baud, patience_s=timeout) as line:
        if not inject_clip(line, clip, file, out, stream=stream, say=typer.echo):
            raise typer.Exit(1)


def monitor(
    port: PortName = None,
    baud: Baud = 115_200,
    send: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="Send this first, such as listen.")
    ] = None,
) -> None:
    """Show what a board says: events, errors. Ends with Ctrl-C.

    Example:  wakesmith monitor --port /dev/ttyACM0 --send listen
    """
    from wakesmith.device import command
    from wakesmith.device.port import open_line

    with open_line(port, baud=baud) as line:
        command.monitor(line, typer.echo, send)
