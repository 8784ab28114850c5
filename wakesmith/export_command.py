"""`wakesmith export` as the command line shows it; what it does is in `wakesmith.exporting`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import BuildFolder, Force, ProjectFile


class Format(str, Enum):
    """Build systems that a library can be written for."""

    cmake = "cmake"
    arduino = "arduino"
    zephyr = "zephyr"
    platformio = "platformio"


def export(
    project: ProjectFile,
    kind: Annotated[
        Format, typer.Option("--format", help="Build system to write for.", show_default=False)
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where to write it.  [default: <project name>-<format>]"
        ),
    ] = None,
    out: BuildFolder = None,
    force: Force = False,
) -> None:
    """Write model, front-end and detector as a library.

    C99 without heap or other libraries, an example that listens, and the files that the
    build system expects. Sound goes in hop by hop, words come out: ws_listener.h.
    docs/EXPORT.md tells more.

    Example:  wakesmith export commands.toml --format arduino --to ~/Arduino/libraries/commands
    """
    from wakesmith.exporting.command import export_project

    export_project(project, kind=kind.value, folder=to, out=out, force=force, say=typer.echo)
