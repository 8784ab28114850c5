"""`wakesmith export` as the command line shows it; what it does is in `wakesmith.exporting`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Format(str, Enum):
    """Build systems that a library can be written for."""

    cmake = "cmake"
    arduino = "arduino"
    zephyr = "zephyr"
    platformio = "platformio"


def export(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT.toml", help="A built project.", show_default=False)
    ],
    kind: Annotated[
        Format, typer.Option("--format", help="Build system to write for.", show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to.  [default: <project name>-<format>]"),
    ] = None,
    build: Annotated[
        Path | None,
        typer.Option(
            "--build", metavar="FOLDER", help="Build folder.  [default: build/<project name>]"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what an export wrote there before.")
    ] = False,
) -> None:
    """Write model, front-end and detector as a library.

    C99 without heap or other libraries, an example that listens, and the files that the
    build system expects. Sound goes in hop by hop, words come out: ws_listener.h.
    docs/EXPORT.md tells more.

    Example:  wakesmith export --format arduino --out ~/Arduino/libraries/commands commands.toml
    """
    from wakesmith.exporting.command import export_project

    export_project(project, kind=kind.value, folder=folder, out=build, force=force, say=typer.echo)
